import numpy as np
import pytest
from matplotlib.colors import to_hex

from grok.analysis.numbers.lines import line_layout, line_members
from grok.analysis.pictures import lines
from grok.analysis.pictures.palette import SAFE
from grok.analysis.read.table import read_sweep
from grok.phases import Phase
from grok.record.record import Plan, write_plan

TIMES = [(1000, 3000), (100, 150), None, (50, None), (None, None)]


def line_sweep(make_sweep, values, times=tuple(TIMES), **more):
    members = [
        ({"opt.lr_dec": value} | more, time) for value, time in zip(values, times, strict=False)
    ]
    return read_sweep(make_sweep(*members))


def data(axes):
    return {line.get_label(): line.get_xydata() for line in axes.lines}


def strip(axes):
    """Left, right and colour of the spans of the strip of phases."""
    return [
        (*span.get_x() + np.array([0, span.get_width()]), to_hex(span.get_facecolor()))
        for span in axes.patches
        if span.get_height() == lines.STRIP
    ]


def test_times_against_the_key_with_gaps(make_sweep):
    sweep = line_sweep(make_sweep, (1e-5, 1e-4, 1e-3, 1e-2, 1e-1))
    figure = lines.draw_lines(sweep, SAFE)
    (axes,) = figure.axes
    drawn = data(axes)
    rates = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
    np.testing.assert_array_equal(drawn["T_train"].T, [rates, [1000, 100, np.nan, 50, np.nan]])
    np.testing.assert_array_equal(drawn["T_val"].T, [rates, [3000, 150, np.nan, np.nan, np.nan]])
    assert axes.get_ylim() == (25, 200_000)
    assert drawn["budget"][:, 1].tolist() == [100_000, 100_000]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlabel() == "decoder learning rate (opt.lr_dec)"
    assert "missing" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_strip_shows_the_phases_halfway_to_the_neighbours(make_sweep):
    sweep = line_sweep(make_sweep, (1.0, 2.0, 3.0, 4.0, 5.0))
    (axes,) = lines.draw_lines(sweep, SAFE).axes
    assert axes.get_xscale() == "linear"
    assert strip(axes) == [
        (0.5, 1.5, to_hex(SAFE[Phase.GROKKING])),
        (1.5, 2.5, to_hex(SAFE[Phase.COMPREHENSION])),
        (3.5, 4.5, to_hex(SAFE[Phase.MEMORIZATION])),
        (4.5, 5.5, to_hex(SAFE[Phase.CONFUSION])),
    ]


@pytest.mark.parametrize(
    ("values", "scale"),
    [((1, 10), "linear"), ((1, 11), "log"), ((0, 100), "linear"), ((-1, 100), "linear")],
)
def test_x_is_logarithmic_beyond_a_decade_of_positive_values(make_sweep, values, scale):
    (axes,) = lines.draw_lines(line_sweep(make_sweep, values), SAFE).axes
    assert axes.get_xscale() == scale


def test_nought_and_decades_stand_in_their_order(make_sweep):
    """On a linear axis all but the last two would lie at 0."""
    sweep = line_sweep(make_sweep, (0, 1e-4, 1e-2, 1))
    (axes,) = lines.draw_lines(sweep, SAFE).axes
    assert axes.get_xscale() == "linear"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1e-4", "0.01", "1"]
    assert data(axes)["T_train"][:, 0].tolist() == [0, 1, 2, 3]


def test_texts_stand_in_their_order(make_sweep):
    sweep = read_sweep(make_sweep(({"act": "tanh"}, (10, 20)), ({"act": "relu"}, (30, 40))))
    (axes,) = lines.draw_lines(sweep, SAFE).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["tanh", "relu"]
    np.testing.assert_array_equal(data(axes)["T_train"], [[0, 10], [1, 30]])


def test_a_text_beside_the_key_makes_panels(make_sweep):
    members = [
        ({"act": act, "opt.lr_dec": rate}, (10 * n, 20 * n))
        for n, (act, rate) in enumerate(
            [("tanh", 1.0), ("tanh", 2.0), ("relu", 1.0), ("relu", 2.0)], start=1
        )
    ]
    axes = lines.draw_lines(read_sweep(make_sweep(*members)), SAFE).axes
    assert [one.get_title() for one in axes] == ["act=tanh", "act=relu"]
    assert data(axes[1])["T_val"][:, 1].tolist() == [60, 80]


def test_members_that_never_learn_draw_the_budget(make_sweep):
    sweep = line_sweep(make_sweep, (1, 2), ((None, None), (None, None)))
    figure = lines.draw_lines(sweep, SAFE)
    assert figure.axes[0].get_ylim() == (50_000, 200_000)
    figure.draw_without_rendering()  # No warning of the lines that aren't there.


def test_grids_and_single_runs_have_no_lines(grid_sweep):
    assert lines.draw_lines(read_sweep(grid_sweep), SAFE) is None
    assert lines.draw_lines(read_sweep(grid_sweep / "0"), SAFE) is None


def test_implied_values_have_a_hatched_phase_and_no_times(tmp_path, add_member):
    jobs = [{"opt.wd_dec": float(value)} for value in range(5)]
    write_plan(tmp_path, Plan(["opt.wd_dec"], jobs, refine=True))
    for number in (0, 4):
        add_member(number, jobs[number], 100, 150)
    figure = lines.draw_lines(read_sweep(tmp_path), SAFE)
    (axes,) = figure.axes
    assert data(axes)["T_val"][:, 1].tolist()[::4] == [150, 150]
    assert np.isnan(data(axes)["T_val"][1:4, 1]).all()
    assert {colour for _, _, colour in strip(axes)} == {to_hex(SAFE[Phase.COMPREHENSION])}
    spans = [span for span in axes.patches if span.get_height() == lines.STRIP]
    assert [bool(span.get_hatch()) for span in spans] == [False, True, True, True, False]
    assert [text.get_text() for text in figure.legends[0].get_texts()][-1] == "implied"


def test_of_two_jobs_with_the_same_value_the_later_shows(make_sweep):
    key = "opt.lr_dec"
    sweep = read_sweep(make_sweep(({key: 1.0}, (5, 6)), ({key: 2.0}, (5, 6)), ({key: 1.0}, (7, 8))))
    layout = line_layout(sweep)
    assert line_members(sweep.table, layout, {})["t_train"].tolist() == [7, 5]
