import json
import math
import re

import numpy as np
import plotly.graph_objects as go
import pytest
from matplotlib.colors import to_rgb

from grok.analysis import command, report
from grok.analysis.pictures.palette import PAPER, SAFE
from grok.analysis.progress import Progress
from grok.analysis.read.table import read_sweep
from grok.analysis.report.parts import logarithmic_marks
from grok.phases import Phase
from grok.record.record import Plan, write_plan

STEPS = ["Phase", "Smooth", "T_train", "T_val"]
MEASURED = [
    "Final train loss",
    "Final train accuracy",
    "Final validation loss",
    "Final validation accuracy",
    "Final weight norm",
    "Best train loss",
    "Best train accuracy",
    "Best validation loss",
    "Best validation accuracy",
]
VIEWS = [*STEPS, *MEASURED]


def contents(folder, palette=SAFE):
    return report.contents(read_sweep(folder), palette)


def images(view, kind="heatmap"):
    return [trace["z"] for trace in view["data"] if trace.get("type") == kind]


def lightness(colour):
    red, green, blue = to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def embedded(page):
    """The data of a page, as a browser reads it."""
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def pictures(content):
    """All figures that the page can draw."""
    grid = content["grid"]
    views = grid["views"] if grid else []
    yield from content["figures"]
    yield content["member"]
    for view in views:
        yield {"data": view["data"] + grid["data"], "layout": grid["layout"] | view["layout"]}


@pytest.mark.parametrize("times", [[None, (200, 3000)], [None, (10, 20)], [(100_000, None), None]])
def test_the_confused_are_black_whoever_else_there_is(times, make_sweep, add_member):
    """The scale may end beyond the budget, and nobody need memorise."""
    cells = [{"opt.lr_dec": lr, "opt.wd_dec": wd} for lr in (1e-4, 1e-3) for wd in (0, 1)]
    folder = make_sweep(*[(cell, None) for cell in cells])
    for number, cell in enumerate(cells):
        t_train, t_val = times[number % 2] or (None, None)
        add_member(number, cell, t_train, t_val)
    (view,) = (v for v in contents(folder)["grid"]["views"] if v["name"] == "Smooth")
    *_, stuck = (trace for trace in view["data"] if trace["type"] == "heatmap")
    confused = np.array(stuck["z"], dtype=float)[times.index(None)]
    axis = next(value for key, value in view["layout"].items() if key == stuck["coloraxis"])
    assert axis["cmax"] == confused.max() == confused.min()
    assert axis["colorscale"][-1][1] == "#000000"


def test_cells_are_those_of_the_picture(grid_sweep):
    grid = contents(grid_sweep)["grid"]
    assert [view["name"] for view in grid["views"]] == VIEWS
    # Upward of the list is upward on the page; see the drawing in `grid_sweep`.
    assert images(grid["views"][0]) == [[[0, 1, 2], [0, None, 3]]]
    lowest, highest = grid["layout"]["yaxis"]["range"]
    assert lowest > 1.5 > -0.5 > highest
    assert grid["layout"]["xaxis"]["ticktext"] == ["1e-4", "1e-3", "0.01"]
    assert grid["layout"]["yaxis"]["title"]["text"] == "decoder weight decay (opt.wd_dec)"
    crosses, targets = grid["data"]
    assert (crosses["x"], crosses["y"]) == ([1], [1])
    # Jobs were planned in falling order.
    assert targets["z"] == [[5, 3, 1], [4, 2, 0]]


def test_views_hold_the_records_steps(grid_sweep):
    views = {view["name"]: view for view in contents(grid_sweep)["grid"]["views"]}
    delay, stuck = images(views["Smooth"])
    # A delay of -40 is the floor of the scale, the power of ten below 999.
    np.testing.assert_allclose(np.array(delay[0][:2]), [2, 3])
    assert delay[0][2] is None
    np.testing.assert_allclose([10 ** stuck[0][2], 10 ** stuck[1][2]], [70, 100_000])
    times, never = images(views["T_val"])
    np.testing.assert_allclose([10 ** times[0][0], 10 ** times[1][0]], [460, 1599])
    assert never == [[None, None, 0], [None, None, 0]]
    assert images(views["Final validation accuracy"]) == [[[0.75] * 3, [0.75, None, 0.75]]]


def test_all_that_was_measured_colours_cells(cells):
    content = contents(cells)
    views = {view["name"]: view for view in content["grid"]["views"]}
    more = ["Final rqi", "Final margin", "Final norm", "Best rqi", "Best margin"]
    assert list(views) == [*STEPS, *MEASURED[:5], *more[:3], *MEASURED[5:], *more[3:]]
    groups = {name: view["group"] for name, view in views.items()}
    assert [groups[name] for name in STEPS] == [""] * 4
    assert groups["Final norm"] == "At the last step"
    assert groups["Best rqi"] == "The best of all steps"
    assert images(views["Final rqi"]) == [[[0.25, None], [0.5, None]]]
    assert images(views["Best rqi"]) == [[[0.75, 0.75], [0.75, None]]]
    # 0 is drawn as the least that has a logarithm
    np.testing.assert_allclose(images(views["Final margin"])[0][0], [-3, 1])
    assert images(views["Final margin"])[0][1] == [pytest.approx(-3), None]
    assert "final rqi: 0.5" in content["members"][1]["words"]
    assert "final rqi: no finite number" in content["members"][2]["words"]


def test_better_is_brighter(cells):
    """Which way is better, the records tell."""
    views = {view["name"]: view for view in contents(cells)["grid"]["views"]}
    ends = {}
    for name, view in views.items():
        scale = view["layout"]["coloraxis"]["colorscale"]
        ends[name] = [lightness(colour) for _, colour in (scale[0], scale[-1])]
    for name, higher in (("rqi", True), ("margin", False)):
        for kind in ("Final", "Best"):
            low, high = ends[f"{kind} {name}"]
            assert (high > low) is higher
    notes = {name: view["note"] for name, view in views.items()}
    assert notes["Final rqi"] == "At the last step: bright is higher. Blank: no finite number."
    assert notes["Best margin"].startswith("The best of all steps: bright is lower.")
    assert notes["Final weight norm"] == "At the last step."
    scales = {name: view["layout"]["coloraxis"] for name, view in views.items()}
    limits = {name: (scale["cmin"], scale["cmax"]) for name, scale in scales.items()}
    assert limits["Final rqi"] == (0.25, 0.5)
    assert limits["Final margin"] == (-3, 1)
    assert limits["Final norm"] == (4, 4.4)
    assert limits["Final train accuracy"] == (0, 1)


def test_colours_are_the_palettes(grid_sweep):
    for palette in (SAFE, PAPER):
        view = contents(grid_sweep, palette)["grid"]["views"][0]
        names = {trace["name"]: trace["marker"]["color"] for trace in view["data"][:4]}
        assert list(names) == [
            "comprehension (2)", "grokking (1)", "memorization (1)", "confusion (1)"
        ]  # fmt: skip
        assert names["confusion (1)"] == "#000000"
    assert names["grokking (1)"] == "#ffd700"


def test_panels_for_more_than_two_keys(make_sweep):
    members = [
        ({"w": w, "opt.lr_dec": lr, "opt.wd_dec": wd}, (10 * w, 20 * w + wd))
        for w in (50, 100)
        for lr in (0.1, 0.2)
        for wd in (1, 2, 3)
    ]
    content = contents(make_sweep(*members))
    grid = content["grid"]
    times = images(grid["views"][VIEWS.index("T_val")])[:2]
    for w, image in zip((50, 100), times, strict=True):
        expected = [[20 * w + wd] * 2 for wd in (1, 2, 3)]
        np.testing.assert_allclose(10 ** np.array(image), expected)
    titles = [note["text"] for note in grid["layout"]["annotations"]]
    assert titles == ["w=50", "w=100"]
    assert grid["data"][-1]["xaxis"] == "x2"
    assert content["members"][-1]["cell"] == [1, 1, 2]
    assert content["members"][-1]["at"] == [1, 1, 2]


def test_one_key_makes_times(make_sweep):
    times = {1: (10, 20), 2: None, 3: (30, None)}
    content = contents(make_sweep(*[({"seed.model": seed}, each) for seed, each in times.items()]))
    assert content["grid"] is None
    (figure,) = content["figures"]
    train, val = figure["data"]
    assert (train["x"], train["y"], val["y"]) == ([1, 2, 3], [10, None, 30], [20, None, None])
    assert train["customdata"] == [0, None, 2]
    assert "T_val: never" in train["text"][2]
    strip = [
        (one["x0"], one["fillcolor"]) for one in figure["layout"]["shapes"] if "fillcolor" in one
    ]
    assert strip == [
        (0.5, SAFE[Phase.COMPREHENSION].lower()),
        (2.5, SAFE[Phase.MEMORIZATION].lower()),
    ]


def test_weight_decay_gets_its_power_law(make_sweep):
    members = [({"opt.wd_dec": wd}, (10, round(1000 / wd))) for wd in (0.5, 1, 2, 4)]
    titles = {one["title"]: one for one in contents(make_sweep(*members))["figures"]}
    law = titles["Time to generalise against weight decay"]["data"][-1]
    assert law["name"].startswith("T_val ~ x^-1.00")
    np.testing.assert_allclose(law["y"], [2000, 1000, 500, 250])


def test_who_never_generalises_is_drawn_at_its_budget(make_sweep):
    """A triangle a member, and one entry in the legend."""
    members = [
        ({"opt.lr_dec": rate, "opt.wd_dec": wd}, (10, 1000 if wd > 1 else None))
        for rate in (1e-3, 2e-3) for wd in (0.5, 1, 2, 4)
    ]  # fmt: skip
    titles = {one["title"]: one for one in contents(make_sweep(*members))["figures"]}
    data = titles["Time to generalise against weight decay"]["data"]
    never = [line for line in data if line.get("name") == "T_val beyond the budget"]
    assert [(line["x"], line["y"], line["showlegend"]) for line in never] == [
        ([0.5, 1], [100_000] * 2, True),
        ([0.5, 1], [100_000] * 2, False),
    ]


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (1e-3, 0.5, ["10<sup>-3</sup>", "10<sup>-2</sup>", "10<sup>-1</sup>"]),
        (0.011, 0.9, ["0.02", "0.05", "0.1", "0.2", "0.5"]),
        (0.15, 0.9, ["0.2", "0.5"]),
        (3.0, 4.0, ["3", "3.25", "3.5", "3.75", "4"]),
    ],
)
def test_a_colour_bar_has_numbers(low, high, texts):
    """However little losses span."""
    marks, found = logarithmic_marks(low, high)
    assert found == texts
    assert low <= marks[0] < marks[-1] <= high


def test_a_landscape_marks_its_lowest_test_loss(tmp_path, add_member):
    jobs = [{"task.init_scale": alpha} for alpha in (2.0, 0.5, 1.0)]
    write_plan(tmp_path, Plan(list(jobs[0]), jobs))
    for number, settings in enumerate(jobs):
        alpha = settings["task.init_scale"]
        final = {"train_loss": 0.1 / alpha, "val_loss": abs(math.log(alpha)) + 0.1}
        norm = {"initial": 10 * alpha}
        add_member(
            number, settings, final=final, weight_norm=norm, config={"norm": {"constrain": 1}}
        )
    (figure,) = contents(tmp_path)["figures"]
    train, test = figure["data"]
    assert (train["x"], test["customdata"]) == ([5, 10, 20], [1, 2, 0])
    np.testing.assert_allclose(train["y"], [0.2, 0.1, 0.05])
    (line,) = figure["layout"]["shapes"]
    assert (line["x0"], line["label"]["text"]) == (10, "w_c = 10")


def test_every_picture_is_plotlys(grid_sweep, add_embeddings, add_curves):
    add_embeddings(3)
    add_curves(grid_sweep / "3")
    found = list(pictures(contents(grid_sweep)))
    assert len(found) == 1 + len(VIEWS)
    for picture in found:
        go.Figure({"data": picture["data"], "layout": picture["layout"]})


EVIL = "</script><img src=x onerror=alert(1)>&amp;"


def test_nothing_is_injected(make_sweep):
    members = [
        ({"a": a, "b": b, EVIL: text}, (1, 2))
        for a in (1, 2)
        for b in (1, 2)
        for text in (EVIL, "{{data}}")
    ]
    folder = make_sweep(*members)
    sweep = read_sweep(folder)
    for record in sweep.records.values():
        record.task = EVIL
    page = report.page(sweep, SAFE)
    assert "<img" not in page.replace(report.get_plotlyjs(), "")
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&amp;amp;" in page
    content = embedded(page)
    assert content["keys"][2] == [EVIL, [EVIL, "{{data}}"]]
    text = content["grid"]["data"][-1]["text"][0][0]
    assert "<img" not in text
    assert "&lt;img" in text


def test_progress_speaks_after_a_while(capsys):
    with Progress(patience=60) as progress:
        progress("reading")
    assert capsys.readouterr().err == ""
    with Progress(patience=0) as progress:
        progress("reading")
        progress("drawing")
    assert "drawing ...\n" in capsys.readouterr().err


def test_one_kind_of_picture_leaves_the_report(grid_sweep):
    command.main([str(grid_sweep), "--kind", "phases"])
    assert not (grid_sweep / "analysis" / report.NAME).exists()
