import numpy as np
import pandas as pd
import pytest

from grok.analysis import command
from grok.analysis.numbers import decay as decay_numbers
from grok.analysis.pictures import decay
from grok.analysis.pictures.palette import SAFE
from grok.analysis.read.table import read_sweep


@pytest.mark.parametrize("decay_rates", [(0.0, 1.0, 2.0), (1.0, 2.0, 4.0)])
def test_members_that_start_at_zero_and_learn_nothing(make_sweep, add_member, decay_rates):
    cells = [{"opt.wd_dec": wd} for wd in decay_rates]
    folder = make_sweep(*[(cell, None) for cell in cells])
    for number, cell in enumerate(cells):
        add_member(
            number, cell, None, None, decay_per_step=1e-3 * cell["opt.wd_dec"],
            weight_norm={"initial": 0.0, "t_train": None, "t_val": None},
        )  # fmt: skip
    sweep = read_sweep(folder)
    assert decay.draw_decay(sweep, SAFE) is None  # there is nothing to draw
    (row,) = decay_numbers.decay_fits(sweep).to_dict("records")
    assert np.isnan(row["slope"])
    assert np.isnan(row["lu_ratio_min"])


def test_seeds_have_a_slope_each_and_one_together(make_sweep, add_member):
    """T_val is 300 / wd, and with the second seed twice that."""
    cells = [{"seed.model": seed, "opt.wd_dec": wd} for seed in (1, 2) for wd in (0.1, 1.0, 10.0)]
    folder = make_sweep(*[(cell, None) for cell in cells])
    for number, cell in enumerate(cells):
        add_member(number, cell, 10, round(300 * cell["seed.model"] / cell["opt.wd_dec"]))
    sweep = read_sweep(folder)
    found = decay_numbers.decay_fits(sweep)
    assert found["seed.model"].tolist() == [1, 2, "all"]
    assert found["slope"].tolist() == pytest.approx([-1, -1, -1])
    assert found["points"].tolist() == [3, 3, 6]
    (drawn,) = [
        line
        for line in decay.draw_decay(sweep, SAFE).axes[0].lines
        if "points" in str(line.get_label())
    ]
    assert drawn.get_label() == "x^-1.00 (-1.00 to -1.00, 6 points)"
    np.testing.assert_allclose(np.unique(drawn.get_ydata()), 300 * 2**0.5 * np.array([0.1, 1, 10]))


@pytest.mark.parametrize("seeds", [10, 12])
def test_each_setting_has_a_colour_of_its_own(seeds, make_sweep, add_member):
    cells = [{"seed.model": seed, "opt.wd_dec": wd} for seed in range(seeds) for wd in (0.1, 1, 10)]
    folder = make_sweep(*[(cell, None) for cell in cells])
    for number, cell in enumerate(cells):
        add_member(number, cell, 10, round(300 / cell["opt.wd_dec"]))
    lines = decay.draw_decay(read_sweep(folder), SAFE).axes[1].lines
    assert len({str(line.get_color()) for line in lines}) == seeds


def test_seeds_are_pooled_for_each_setting_of_the_rest(make_sweep, add_member):
    cells = [
        {"task.p": p, "seed.data": seed, "opt.wd_dec": wd}
        for p in (31, 59) for seed in (1, 2) for wd in (0.1, 1.0, 10.0)
    ]  # fmt: skip
    folder = make_sweep(*[(cell, None) for cell in cells])
    for number, cell in enumerate(cells):
        add_member(number, cell, 10, round(cell["task.p"] * 10 / cell["opt.wd_dec"]))
    found = decay_numbers.decay_fits(read_sweep(folder))
    together = found[found["seed.data"] == "all"]
    assert together["task.p"].tolist() == [31, 59]
    assert together["points"].tolist() == [6, 6]
    labels = [
        str(line.get_label()) for line in decay.draw_decay(read_sweep(folder), SAFE).axes[0].lines
    ]
    assert not any("points" in label for label in labels)


def test_the_picture_of_one_setting(decays):
    above, below = decay.draw_decay(decays(), SAFE).axes
    drawn = {line.get_label(): line.get_xydata() for line in above.lines}
    decays_drawn = [0.01, 0.1, 1, 10]
    np.testing.assert_array_equal(drawn["T_val"].T, [decays_drawn, [40_000, 4000, 400, np.nan]])
    np.testing.assert_array_equal(drawn["T_train"][:, 1], [10] * 4)
    np.testing.assert_allclose(
        drawn["x^-1.00 (-1.00 to -1.00, 3 of 4 points)"][:, 1], [40_000, 4000, 400, 40]
    )
    predicted = drawn["LU prediction of T_val"]
    np.testing.assert_allclose(predicted[:, 1], np.log(10) / (1e-3 * np.array(decays_drawn)))
    np.testing.assert_array_equal(below.lines[1].get_ydata(), [np.nan, 4, 9, np.nan])
    assert (above.get_xscale(), above.get_yscale()) == ("log", "log")
    (never,) = (line for line in above.lines if line.get_marker() == "^")
    np.testing.assert_array_equal(never.get_xydata(), [[10, 100_000]])


def test_who_diverges_is_drawn_where_it_did(decays):
    sweep = decays()
    sweep.table.loc[sweep.table["opt.wd_dec"] == 10, ["diverged", "steps"]] = [True, 37]
    figure = decay.draw_decay(sweep, SAFE)
    (lost,) = (line for line in figure.axes[0].lines if line.get_marker() == "x")
    np.testing.assert_array_equal(lost.get_xydata(), [[10, 37]])
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[-1] == "diverged"
    assert "T_val beyond the budget" not in labels


def test_times_after_the_cut_are_not_drawn(decays):
    folder = decays().folder
    above, _ = decay.draw_decay(read_sweep(folder, budget=5000), SAFE).axes
    (never,) = (line for line in above.lines if line.get_marker() == "^")
    np.testing.assert_array_equal(never.get_xydata(), [[0.01, 5000], [10, 5000]])


def test_a_colour_for_each_of_several(decays):
    above, _ = decay.draw_decay(decays(1e-3, 2e-3), SAFE).axes
    assert len(above.lines) == 6
    assert [t.get_text() for t in above.figure.legends[0].get_texts()] == [
        "T_val opt.lr_dec=1e-3",
        "T_val opt.lr_dec=2e-3",
        "T_train",
        "T_val beyond the budget",
    ]


def test_of_very_many_settings_some_are_drawn(decays):
    sweep = decays(*(i * 1e-3 for i in range(1, 48)))
    figure = decay.draw_decay(sweep, SAFE)
    assert figure.get_suptitle() == "24 of 47 settings"
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[:2] == ["T_val opt.lr_dec=1e-3", "T_val opt.lr_dec=3e-3"]
    assert labels[23] == "T_val opt.lr_dec=0.047"
    assert len(decay_numbers.decay_fits(sweep)) == 47


def test_only_with_a_weight_decay_axis(grid_sweep, make_sweep):
    assert decay_numbers.decay_fits(read_sweep(grid_sweep)) is None
    assert decay.draw_decay(read_sweep(grid_sweep), SAFE) is None


def test_the_command_writes_the_fits(decays):
    sweep = decays()
    command.main([str(sweep.folder), "--kind", "times"])
    written = sorted(path.name for path in (sweep.folder / "analysis").iterdir())
    names = ["decay.pdf", "decay.png", "fits.csv", "grid.csv", "lines.pdf", "lines.png"]
    assert written == names
    assert pd.read_csv(sweep.folder / "analysis" / "fits.csv")["points"].tolist() == [3]


def test_no_entry_of_the_legend_is_cut_off(make_sweep):
    """However long the settings are, and in rows where they don't fit beside each other."""
    long = "a.long.name.of.a.key.that.somebody.swept"
    cells = [{long: value, "opt.wd_dec": w} for value in (1e-5, 2e-5, 3e-5) for w in (1, 2, 4)]
    members = [(cell, (10, round(400 / cell["opt.wd_dec"]))) for cell in cells]
    figure = decay.draw_decay(read_sweep(make_sweep(*members)), SAFE)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    assert box.y1 <= figure.bbox.y1
    assert [text.get_text() for text in legend.get_texts()][-1] == "T_train"
