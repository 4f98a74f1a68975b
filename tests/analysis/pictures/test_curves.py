import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from grok.analysis.pictures import curves
from grok.analysis.pictures.palette import SAFE
from grok.analysis.read.table import read_sweep
from grok.phases import Phase


def test_curves_of_a_single_run(add_member, add_curves):
    folder = add_member(0, {}, 10, 5000)
    add_curves(folder)
    figure = curves.draw_curves(read_sweep(folder), SAFE)
    accuracy, loss, norm = figure.axes
    np.testing.assert_array_equal(accuracy.lines[0].get_xydata(), [[1, 0.1], [10, 0.9], [100, 1]])
    np.testing.assert_array_equal(loss.lines[1].get_ydata(), [2, 1, np.nan])
    np.testing.assert_array_equal(norm.lines[0].get_ydata(), [30, 20, 10])
    assert [axes.get_xscale() for axes in figure.axes] == ["log"] * 3
    assert [axes.get_yscale() for axes in figure.axes] == ["linear", "log", "linear"]
    (span,) = accuracy.patches
    assert (span.get_x(), span.get_width()) == (10, 4990)
    assert span.get_facecolor()[:3] == to_rgba(SAFE[Phase.GROKKING])[:3]
    figure.draw_without_rendering()  # No warning of the loss that isn't there.


@pytest.mark.parametrize(
    ("times", "spans"),
    [((10, None), [(10, 99_990)]), ((None, None), []), ((200, 50), [(50, 150)])],
)
def test_shading_of_other_phases(add_member, add_curves, times, spans):
    folder = add_member(0, {}, *times)
    add_curves(folder)
    axes = curves.draw_curves(read_sweep(folder), SAFE).axes[0]
    found = [sorted((span.get_x(), span.get_x() + span.get_width())) for span in axes.patches]
    assert [(left, right - left) for left, right in found] == spans


def test_no_curves_of_a_sweep_or_of_a_run_without_them(grid_sweep, add_curves):
    add_curves(grid_sweep / "0")
    assert curves.draw_curves(read_sweep(grid_sweep), SAFE) is None
    assert curves.draw_curves(read_sweep(grid_sweep / "0"), SAFE) is not None
    assert curves.draw_curves(read_sweep(grid_sweep / "1"), SAFE) is None


def test_damaged_curves_are_as_none(add_member, grid_sweep, add_curves):
    folder = add_member(7)
    (folder / "curves.csv").write_text("")
    assert curves.draw_curves(read_sweep(folder), SAFE) is None
    for number in (0, 1, 3, 4, 5):
        add_curves(grid_sweep / str(number))
    (grid_sweep / "0" / "curves.csv").write_text("step\n")
    sweep = read_sweep(grid_sweep)
    figure = curves.draw_curve_panels(sweep, SAFE)
    assert [len(axes.lines) for axes in figure.axes] == [2, 2, 2, 2, 0, 0]
    assert figure.axes[5].get_title() == "opt.wd_dec=5\nopt.lr_dec=0.01"
    assert list(sweep.damaged) == [grid_sweep / "0" / "curves.csv"]


def test_a_row_for_each_measured_number(add_member, add_curves, add_measures, measured):
    found = {"rqi": ("higher", 0.75, 1.0), "gradient": (None, 0.01, None)}
    folder = add_member(0, {}, 10, 5000, **measured(**found))
    add_curves(folder)
    add_measures(folder, rqi={0: 0.1, 10: 0.5, 20: 0.75}, gradient={1: 10.0, 20: 0.01})
    figure = curves.draw_curves(read_sweep(folder), SAFE)
    rqi, gradient = figure.axes[3:]
    # the initialisation has no place on a logarithmic axis
    np.testing.assert_array_equal(rqi.lines[0].get_xydata(), [[10, 0.5], [20, 0.75]])
    np.testing.assert_array_equal(gradient.lines[0].get_xydata(), [[1, 10], [20, 0.01]])
    assert (rqi.get_ylabel(), gradient.get_ylabel()) == ("rqi", "gradient")
    assert (rqi.get_yscale(), gradient.get_yscale()) == ("linear", "log")
    assert [axes.get_xscale() for axes in figure.axes] == ["log"] * 5
    assert [len(axes.patches) for axes in figure.axes] == [1] * 5
    figure.draw_without_rendering()


def test_at_most_six_measured_numbers(add_member, add_curves, add_measures):
    folder = add_member(0)
    add_curves(folder)
    add_measures(folder, **{f"m{number}": {1: 2.0} for number in range(9)})
    figure = curves.draw_curves(read_sweep(folder), SAFE)
    assert [one.get_ylabel() for one in figure.axes[3:]] == [f"m{number}" for number in range(6)]
    assert figure.get_suptitle().endswith(" (6 of 9 measured)")


def test_curves_of_nothing_finite_or_positive(add_member):
    folder = add_member(0, {}, None, None)
    (folder / "curves.csv").write_text(
        "step,train_loss,train_accuracy,val_loss,val_accuracy,weight_norm\n1,0,,0,,0\n2,,,,,\n"
    )
    figure = curves.draw_curves(read_sweep(folder), SAFE)
    assert figure.axes[1].get_yscale() == "linear"
    figure.draw_without_rendering()


def test_a_panel_for_each_member_of_a_small_sweep(grid_sweep, add_curves):
    """Rows by the first swept key, weight decay, columns by the last, learning rate."""
    assert curves.draw_curve_panels(read_sweep(grid_sweep), SAFE) is None
    for number in (0, 1, 3, 4, 5):
        add_curves(grid_sweep / str(number))
    figure = curves.draw_curve_panels(read_sweep(grid_sweep), SAFE)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [
        f"opt.wd_dec={wd}\nopt.lr_dec={lr}"
        for wd, lr in itertools.product((0, 5), ("1e-4", "1e-3", "0.01"))
    ]
    missing = figure.axes[4]  # keeps its place
    assert not missing.lines
    for axes in figure.axes:
        if axes is missing:
            continue
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), [0.1, 0.9, 1])
        assert axes.get_xscale() == "log"
    assert [span.get_x() for span in figure.axes[1].patches] == [200]


def test_losses_of_a_small_sweep(grid_sweep, add_curves):
    for number in (0, 1, 3, 4, 5):
        add_curves(grid_sweep / str(number))
    figure = curves.draw_loss_panels(read_sweep(grid_sweep), SAFE)
    np.testing.assert_array_equal(figure.axes[0].lines[1].get_ydata(), [2, 1, np.nan])
    assert (figure.axes[0].get_yscale(), figure.get_supylabel()) == ("log", "loss")


def test_many_members_over_one_number_and_seeds(make_sweep, add_curves):
    """A panel a seed, a colour a value, train and validation of each."""
    decays = [0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0]
    cells = [
        ({"opt.wd_dec": decay, "seed.model": seed}, (10, round(100 / decay)))
        for decay in decays for seed in (1, 2)
    ]  # fmt: skip
    folder = make_sweep(*cells)
    assert curves.draw_curve_lines(read_sweep(folder), SAFE) is None
    for number in range(len(cells) - 1):
        add_curves(folder / str(number))
    figure = curves.draw_curve_lines(read_sweep(folder), SAFE)
    first, second, bar = figure.axes
    assert [first.get_title(), second.get_title()] == ["seed.model=1", "seed.model=2"]
    assert [len(first.lines), len(second.lines)] == [14, 12]
    np.testing.assert_array_equal(first.lines[0].get_ydata(), [0.1, 0.9, 1])
    assert [line.get_linestyle() for line in first.lines[:2]] == ["--", "-"]
    assert first.lines[2].get_color() == second.lines[2].get_color() != first.lines[0].get_color()
    assert [text.get_text() for text in bar.get_yticklabels()][::6] == ["0.1", "5"]
    assert curves.draw_curve_panels(read_sweep(folder), SAFE) is None
    figure.draw_without_rendering()
