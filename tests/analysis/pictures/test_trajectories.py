import numpy as np
from matplotlib.colors import to_hex

from grok.analysis.numbers.trajectories import one_number, pick, recorded
from grok.analysis.pictures import trajectories
from grok.analysis.pictures.palette import SAFE
from grok.analysis.read.table import read_sweep
from grok.phases import Phase

CONFUSED, MEMORISED, GROKKED, UNDERSTOOD = (None, None), (5, None), (5, 5000), (5, 6)


def sweep_of(make_sweep, add_embeddings, times, **shape):
    folder = make_sweep(*[({"lr": 10 + n, "wd": 3}, each) for n, each in enumerate(times)])
    for number in range(len(times)):
        add_embeddings(number, **shape)
    return read_sweep(folder)


def panels(figure):
    """All axes but the colour bar's."""
    return figure.axes[:-1]


def test_whole_trajectories_ordered_by_phase(make_sweep, add_embeddings):
    times = [CONFUSED, None, MEMORISED, GROKKED, UNDERSTOOD]
    sweep = sweep_of(make_sweep, add_embeddings, times)
    figure = trajectories.draw_trajectories(sweep, SAFE)
    titles = [axes.get_title() for axes in panels(figure)]
    assert titles == [
        "comprehension\nlr=14",
        "grokking\nlr=13",
        "memorization\nlr=12",
        "confusion\nlr=10",
        "unfinished\nlr=11",
    ]
    first = panels(figure)[0]
    assert len(first.lines) == 5
    x, y = first.lines[3].get_data()
    assert (x[0], x[-1], len(x)) == (0, 4000, 401)
    np.testing.assert_allclose(y, 3 + 0.001 * x)
    assert to_hex(first.spines["left"].get_edgecolor()) == to_hex(SAFE[Phase.COMPREHENSION])
    assert len({line.get_color() for line in first.lines}) == 5


def test_early_trajectories_end_at_2000_steps(make_sweep, add_embeddings):
    figure = trajectories.draw_early_trajectories(
        sweep_of(make_sweep, add_embeddings, [GROKKED]), SAFE
    )
    (axes,) = panels(figure)
    x, _ = axes.lines[0].get_data()
    assert (x[0], x[-1], len(x)) == (0, 2000, 201)


def test_at_most_twelve_members_evenly_of_the_phases(make_sweep, add_embeddings):
    times = [UNDERSTOOD] * 20 + [GROKKED] * 3 + [CONFUSED] * 20
    sweep = sweep_of(make_sweep, add_embeddings, times, last_step=20)
    picked = pick(recorded(sweep))
    assert picked["job"].tolist() == [0, 1, 2, 3, 4, 20, 21, 22, 23, 24, 25, 26]
    figure = trajectories.draw_trajectories(sweep, SAFE)
    assert len(panels(figure)) == 12
    assert figure.get_suptitle() == "12 of 43 members with embeddings"


def test_long_recordings_are_thinned(make_sweep, add_embeddings):
    sweep = sweep_of(make_sweep, add_embeddings, [GROKKED], last_step=100_000)
    (axes,) = panels(trajectories.draw_trajectories(sweep, SAFE))
    x, _ = axes.lines[0].get_data()
    assert len(x) == 2001
    assert x[-1] == 100_000


def test_more_dimensions_show_the_norm_and_say_so(make_sweep, add_embeddings):
    sweep = sweep_of(make_sweep, add_embeddings, [GROKKED], dimensions=3)
    figure = trajectories.draw_trajectories(sweep, SAFE)
    assert figure.get_supylabel() == "L2 norm of embedding, 3 coordinates"
    np.testing.assert_allclose(panels(figure)[0].lines[4].get_ydata()[0], 4)
    values = np.array([[[3.0, -4.0], [-2.0, 0.0]]])
    np.testing.assert_allclose(one_number(values), [[5, 2]])
    np.testing.assert_allclose(one_number(values[:, :, :1]), [[3, -2]])


def test_single_runs_have_trajectories(add_member, add_embeddings):
    folder = add_member(0, {}, *UNDERSTOOD)
    add_embeddings(0)
    figure = trajectories.draw_trajectories(read_sweep(folder), SAFE)
    assert [axes.get_title() for axes in panels(figure)] == ["comprehension"]


def test_no_embeddings_no_picture(grid_sweep):
    sweep = read_sweep(grid_sweep)
    assert trajectories.draw_early_trajectories(sweep, SAFE) is None
    assert trajectories.draw_trajectories(sweep, SAFE) is None


def test_damaged_embeddings_are_as_none(make_sweep, add_embeddings):
    sweep = sweep_of(make_sweep, add_embeddings, [GROKKED, UNDERSTOOD])
    (sweep.folder / "0" / "embeddings.npz").write_bytes(b"")
    figure = trajectories.draw_trajectories(sweep, SAFE)
    assert [axes.get_title() for axes in panels(figure)] == ["comprehension\nlr=11"]
    assert list(sweep.damaged) == [sweep.folder / "0" / "embeddings.npz"]
    (sweep.folder / "1" / "embeddings.npz").write_bytes(b"")
    assert trajectories.draw_early_trajectories(sweep, SAFE) is None
