import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgba

from grok.analysis.pictures import phase_diagram
from grok.analysis.pictures.palette import PALETTES, PAPER, SAFE, delay_colours, stuck_colours
from grok.analysis.read.table import read_sweep
from grok.phases import Phase

NAN = np.nan
COMPREHENSION, GROKKING, MEMORIZATION, CONFUSION = range(4)
PANEL_KEYS = {"data": (41, 42), "model": (101, 102, 103)}


def images(axes):
    return [np.ma.filled(image.get_array(), NAN) for image in axes.images]


def colours_drawn(axes):
    """The colour of each cell, from the image as it is shown."""
    (image,) = axes.images
    return [[to_hex(colour) for colour in row] for row in image.to_rgba(image.get_array())]


def legend_texts(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def lightness(colour):
    red, green, blue, _ = to_rgba(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def panel_sweep(make_sweep, keys):
    """Every panel a 2 x 2 grid; the panel's number of steps from T_train to T_val tells it."""
    settings = [{}]
    for key, values in keys.items():
        settings = [old | {key: value} for old in settings for value in values]
    members = []
    for number, panel in enumerate(settings):
        for rate, decay in ((1e-3, 0), (1e-3, 1), (1e-2, 0), (1e-2, 1)):
            cell = panel | {"opt.lr_dec": rate, "opt.wd_dec": decay}
            members.append((cell, (100, 101 + number)))
    return read_sweep(make_sweep(*members))


def test_discrete_codes_and_orientation(grid_sweep):
    figure = phase_diagram.draw_phases(read_sweep(grid_sweep), SAFE)
    (axes,) = figure.axes
    expected = [[COMPREHENSION, GROKKING, MEMORIZATION], [COMPREHENSION, NAN, CONFUSION]]
    np.testing.assert_array_equal(images(axes), [expected])
    bottom, top = axes.get_ylim()
    assert bottom > top  # Row 0 is on top: weight decay increases downward.
    left, right = axes.get_xlim()
    assert left < right
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1e-4", "1e-3", "0.01"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "5"]
    assert axes.get_xlabel() == "decoder learning rate (opt.lr_dec)"
    assert axes.get_ylabel() == "decoder weight decay (opt.wd_dec)"


@pytest.mark.parametrize("name", ["safe", "paper"])
def test_discrete_colours(grid_sweep, name):
    palette = PALETTES[name]
    figure = phase_diagram.draw_phases(read_sweep(grid_sweep), palette)
    (axes,) = figure.axes
    drawn = colours_drawn(axes)
    assert drawn[0] == [to_hex(palette[phase]) for phase in list(Phase)[:3]]
    assert drawn[1][2] == to_hex(palette[Phase.CONFUSION])
    assert axes.images[0].to_rgba(axes.images[0].get_array())[1, 1, 3] == 0  # Shows the hatch.
    assert axes.patch.get_hatch()
    assert legend_texts(figure) == [*(str(phase) for phase in Phase), "missing"]


def test_the_paper_s_palette():
    assert PAPER == {
        Phase.MEMORIZATION: "darkslateblue",
        Phase.GROKKING: "gold",
        Phase.COMPREHENSION: "yellowgreen",
        Phase.CONFUSION: "black",
    }


def test_safe_palette_survives_grey_scale():
    steps = np.diff(sorted(lightness(colour) for colour in SAFE.values()))
    assert steps.min() > 0.15


def test_the_two_maps_of_steps_do_not_share_a_lightness():
    delays = [lightness(colour) for colour in delay_colours()(np.linspace(0, 1, 50))]
    stuck = [lightness(colour) for colour in stuck_colours()(np.linspace(0, 1, 50))]
    assert max(stuck) < min(delays) + 0.05


def test_a_whole_grid_names_nothing_missing(grid_sweep, add_member):
    add_member(2, {"opt.wd_dec": 5, "opt.lr_dec": 1e-3})
    sweep = read_sweep(grid_sweep)
    figure = phase_diagram.draw_phases(sweep, SAFE)
    assert legend_texts(figure) == [str(phase) for phase in Phase]
    assert legend_texts(phase_diagram.draw_smooth(sweep, SAFE)) == ["grokking from 1000 steps"]


def test_smooth_values_are_clipped_to_the_floor(grid_sweep):
    figure = phase_diagram.draw_smooth(read_sweep(grid_sweep), SAFE)
    panel, stuck_bar, delay_bar = figure.axes
    delay, stuck = images(panel)
    # The smallest positive delay is 999, so the scale starts at 100 and -40 is drawn as 100.
    np.testing.assert_array_equal(delay, [[100, 1000, NAN], [999, NAN, NAN]])
    np.testing.assert_array_equal(stuck, [[NAN, NAN, 70], [NAN, NAN, 100_000]])
    assert delay_bar.get_ylim() == pytest.approx((100, 100_000))
    assert stuck_bar.get_ylim() == pytest.approx((10, 100_000))
    assert delay_bar.get_yscale() == stuck_bar.get_yscale() == "log"
    assert delay_bar.get_ylabel() == "T_val - T_train (steps)"
    assert legend_texts(figure) == ["missing", "grokking from 1000 steps"]
    marks = [line for line in delay_bar.lines if line.get_label() == "grokking from 1000 steps"]
    assert [line.get_ydata() for line in marks] == [[1000, 1000]]


def test_a_gap_beyond_the_budget_has_no_mark(make_sweep, add_member):
    cells = [{"a": a, "b": b} for a in (1, 2) for b in (1, 2)]
    folder = make_sweep(*[(cell, None) for cell in cells])
    for number, cell in enumerate(cells):
        add_member(number, cell, 5, 25, budget=300)
    figure = phase_diagram.draw_smooth(read_sweep(folder), SAFE)
    figure.draw_without_rendering()
    assert len(figure.axes) == 2, "a colour bar for members that there aren't"
    assert figure.axes[1].get_ylim() == pytest.approx((10, 300))
    assert legend_texts(figure) == []


def test_train_times_and_those_that_never_came(grid_sweep):
    figure = phase_diagram.draw_train_times(read_sweep(grid_sweep), SAFE)
    panel, bar = figure.axes
    reached, never = images(panel)
    np.testing.assert_array_equal(reached, [[500, 200, 70], [600, NAN, NAN]])
    np.testing.assert_array_equal(never, [[NAN, NAN, NAN], [NAN, NAN, 1]])
    assert bar.get_ylim() == pytest.approx((10, 100_000))
    assert bar.get_ylabel() == "T_train (steps)"
    assert legend_texts(figure) == ["missing", "never"]


@pytest.mark.parametrize("times", [(None, None), (50, 50), (9, None), (1, 100_000)])
def test_smooth_draws_one_phase_alone(make_sweep, times):
    cells = [{"a": a, "b": b} for a in (1, 2) for b in (1, 2)]
    sweep = read_sweep(make_sweep(*[(cell, times) for cell in cells]))
    figure = phase_diagram.draw_smooth(sweep, SAFE)
    drawn = np.nanmax(images(figure.axes[0]))
    assert drawn == {(None, None): 100_000, (50, 50): 1, (9, None): 9, (1, 100_000): 99_999}[times]
    figure.draw_without_rendering()  # No warning.


@pytest.mark.parametrize(
    ("keys", "titles"),
    [
        ({"data": (41, 42)}, ["data=41", "data=42"]),
        (PANEL_KEYS, [f"data={d}\nmodel={m}" for d in (41, 42) for m in (101, 102, 103)]),
        ({"act": ("relu", "tanh")}, ["act=relu", "act=tanh"]),
    ],
)
def test_panels_of_further_keys(make_sweep, keys, titles):
    sweep = panel_sweep(make_sweep, keys)
    discrete = phase_diagram.draw_phases(sweep, SAFE)
    smooth = phase_diagram.draw_smooth(sweep, SAFE)
    assert [axes.get_title() for axes in discrete.axes] == titles
    for number, axes in enumerate(smooth.axes[:-2]):
        assert axes.get_title() == titles[number]
        np.testing.assert_array_equal(images(axes)[0], np.full((2, 2), number + 1))
    assert len(discrete.legends) == 1


def test_labels_are_on_the_outer_panels_only(make_sweep):
    axes = phase_diagram.draw_phases(panel_sweep(make_sweep, PANEL_KEYS), SAFE).axes
    assert [bool(one.get_ylabel()) for one in axes] == [True, False, False, True, False, False]
    assert [bool(one.get_xlabel()) for one in axes] == [False, False, False, True, True, True]


def test_fewer_than_two_numeric_keys_make_no_grid(make_sweep):
    sweep = read_sweep(make_sweep(({"a": 1, "b": "x"}, (1, 2)), ({"a": 2, "b": "y"}, (1, 2))))
    assert phase_diagram.draw_phases(sweep, SAFE) is None
    assert phase_diagram.draw_smooth(sweep, SAFE) is None


def test_nothing_is_cut_off(grid_sweep):
    figure = phase_diagram.draw_phases(read_sweep(grid_sweep), SAFE)
    figure.draw_without_rendering()
    width, height = figure.get_size_inches()
    tight = figure.get_tightbbox()
    assert tight.x0 >= 0
    assert tight.y0 >= 0
    assert tight.x1 <= width
    assert tight.y1 <= height


def test_confusion_is_crossed_on_the_smooth_diagram(grid_sweep):
    panel, stuck_bar, _ = phase_diagram.draw_smooth(read_sweep(grid_sweep), SAFE).axes
    (crossed,) = panel.collections
    (square,) = crossed.get_paths()
    assert square.get_extents().extents.tolist() == [1.5, 0.5, 2.5, 1.5]  # column 2, row 1
    assert (to_hex(crossed.get_facecolor()[0]), crossed.get_hatch()) == ("#000000", "xxxx")
    assert stuck_bar.get_ylabel() == "T_train (steps); crossed: confusion, none"
    assert min(lightness(colour) for colour in stuck_colours()(np.linspace(0, 1, 50))) > 0.15


def hatched(axes):
    """The number of hatched cells of each colour."""
    return {
        to_hex(squares.get_facecolor()[0]): len(squares.get_paths())
        for squares in axes.collections
        if squares.get_paths()
    }


def test_implied_cells_are_hatched_in_the_colour_of_their_phase(refined):
    figure = phase_diagram.draw_phases(read_sweep(refined()), SAFE)
    (axes,) = figure.axes
    (image,) = images(axes)
    assert image.tolist() == [[COMPREHENSION] * 7 + [MEMORIZATION] * 2] * 5
    assert hatched(axes) == {
        to_hex(SAFE[Phase.COMPREHENSION]): 25,
        to_hex(SAFE[Phase.MEMORIZATION]): 2,
    }
    assert legend_texts(figure) == [*(str(phase) for phase in Phase), "implied"]


def test_a_refined_sweep_under_way_has_missing_cells_too(refined):
    figure = phase_diagram.draw_phases(read_sweep(refined(without=[7])), SAFE)
    assert legend_texts(figure)[-2:] == ["implied", "missing"]
    figure = phase_diagram.draw_phases(read_sweep(refined("full", refine=False)), SAFE)
    assert hatched(figure.axes[0]) == {}
    assert legend_texts(figure) == [str(phase) for phase in Phase]


@pytest.mark.parametrize("draw", [phase_diagram.draw_smooth, phase_diagram.draw_train_times])
def test_implied_cells_have_no_steps(refined, draw):
    figure = draw(read_sweep(refined()), SAFE)
    assert sum(np.isfinite(image).sum() for image in images(figure.axes[0])) == 18
    assert legend_texts(figure)[0] == "not trained"
