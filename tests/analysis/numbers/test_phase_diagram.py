from grok.analysis.numbers import phase_diagram
from grok.analysis.read.table import read_sweep


def test_smooth_steps_of_every_phase(grid_sweep):
    steps, generalises = phase_diagram.smooth_steps(read_sweep(grid_sweep).table)
    assert steps.tolist() == [100_000, 70, 1000, 999, -40]
    assert generalises.tolist() == [False, False, True, True, True]
