import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from grok.analysis import command
from grok.analysis.numbers import seeds as seed_numbers
from grok.analysis.pictures import seeds
from grok.analysis.pictures.palette import SAFE
from grok.analysis.read.table import read_sweep
from grok.phases import Phase
from tests.analysis.special_sweeps import DATA, LR, SEED_PHASES, WD, sweep_of_seeds


def test_the_picture(make_sweep):
    figure = seeds.draw_seeds(sweep_of_seeds(make_sweep, SEED_PHASES), SAFE)
    left, right = figure.axes
    drawn = {}
    for squares in left.collections:
        for path in squares.get_paths():
            x, y = path.vertices[:4].mean(axis=0).round(6)
            drawn[x, y] = (to_hex(squares.get_facecolor()[0]), np.ptp(path.vertices[:, 0]) ** 2)
    blue, yellow = to_hex(SAFE[Phase.COMPREHENSION]), to_hex(SAFE[Phase.GROKKING])
    assert {place: colour for place, (colour, _) in drawn.items()} == {
        (0, 0): blue, (0, 1): blue, (1, 0): blue, (1, 1): yellow,
    }  # fmt: skip
    areas = {place: area for place, (_, area) in drawn.items()}
    assert areas == pytest.approx({(0, 0): 1, (0, 1): 0.5, (1, 0): 0.25, (1, 1): 1})
    dots = [line for line in right.lines if len(line.get_ydata()) == 4]
    assert sorted(dots[0].get_ydata()) == [0.25, 0.25, 0.5, 0.75]
    assert "4 seed settings" in left.get_title()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(Phase)


def test_a_cell_that_no_seed_has_is_missing(make_sweep):
    figure = seeds.draw_seeds(
        sweep_of_seeds(make_sweep, {(41, 101): "c-gg", (41, 102): "c-m-"}), SAFE
    )
    assert figure.legends[0].get_texts()[-1].get_text() == "missing"
    assert len(figure.axes[0].collections) == 4
    assert sum(len(squares.get_paths()) for squares in figure.axes[0].collections) == 3


def test_further_keys_have_their_own_statistics(make_sweep):
    members = [
        ({LR: rate, WD: decay, DATA: seed, "task.activation": name}, times)
        for name, times in (("tanh", (10, 20)), ("relu", (10, None)))
        for rate in (1, 2)
        for decay in (0, 5)
        for seed in (41, 42)
    ]
    sweep = read_sweep(make_sweep(*members))
    found = seed_numbers.seeds_table(sweep)
    assert list(found.columns[:3]) == ["task.activation", DATA, "phase"]
    means = found.groupby(["task.activation", "phase"])["mean"].first()
    assert means["tanh", "comprehension"] == 1
    assert means["relu", "memorization"] == 1
    figure = seeds.draw_seeds(sweep, SAFE)
    titles = [axes.get_title().splitlines()[0] for axes in figure.axes[::2]]
    assert titles == ["task.activation=tanh", "task.activation=relu"]


def test_only_with_seeds_beyond_two_keys(grid_sweep, sweep_in):
    plain = read_sweep(grid_sweep)
    assert seed_numbers.seeds_table(plain) is None
    assert seeds.draw_seeds(plain, SAFE) is None
    lines = [({LR: rate, DATA: seed}, (1, 2)) for rate in (1, 2) for seed in (41, 42)]
    assert seed_numbers.seeds_table(read_sweep(sweep_in("lines", *lines))) is None


def test_the_command_writes_them(make_sweep):
    sweep = sweep_of_seeds(make_sweep, SEED_PHASES)
    command.main([str(sweep.folder), "--kind", "phases"])
    names = {path.name for path in (sweep.folder / "analysis").iterdir()}
    assert {"seeds.csv", "seeds.png", "seeds.pdf"} <= names
    assert len(pd.read_csv(sweep.folder / "analysis" / "seeds.csv")) == 16
