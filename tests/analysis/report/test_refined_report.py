"""What the report shows of a refined sweep: cells that were trained, implied ones, missing ones."""

import plotly.graph_objects as go
from matplotlib.colors import to_hex

from grok.analysis import report
from grok.analysis.pictures.palette import SAFE, implied_look
from grok.analysis.read.table import read_sweep
from grok.phases import Phase
from grok.record.record import Plan, write_plan
from tests.analysis.report.test_report import contents, images
from tests.analysis.special_sweeps import REFINED


def test_implied_cells_have_the_colour_of_their_phase_and_a_mark(refined):
    content = contents(refined(without=[7]))
    phase, *_ = content["grid"]["views"]
    assert images(phase) == [[[0] * 7 + [None, 2]] + [[0] * 7 + [2] * 2] * 4]
    assert [trace["name"] for trace in phase["data"][:4]] == [
        "comprehension (35)", "grokking (0)", "memorization (9)", "confusion (0)",
    ]  # fmt: skip
    assert phase["note"].endswith(
        " A slanted line marks one that wasn't trained, its phase implied."
    )
    crosses, *slants, targets = content["grid"]["data"]
    assert (crosses["x"], crosses["y"]) == ([7], [0])
    places = {(x, y) for y in range(5) for x in range(9) if REFINED[y][x] == "."}
    drawn = [list(zip(each["x"], each["y"], strict=True)) for each in slants]
    assert [len(each) for each in drawn] == [25, 2]  # comprehension and memorization
    assert {place for each in drawn for place in each} == places
    assert {each["marker"]["symbol"] for each in slants} == {"line-ne"}
    colours = [to_hex(implied_look(SAFE[phase])["edgecolor"]) for phase in list(Phase)[::2]]
    assert [each["marker"]["line"]["color"] for each in slants] == colours
    assert targets["z"] == [list(range(9 * y, 9 * y + 9)) for y in range(5)]
    go.Figure({"data": content["grid"]["data"], "layout": content["grid"]["layout"]})


def test_other_views_are_blank_there(refined):
    views = {view["name"]: view for view in contents(refined())["grid"]["views"]}
    for name in ("T_train", "Final train loss"):
        shown = images(views[name])
        trained = [[cell == "#" for cell in row] for row in REFINED]
        assert [[value is not None for value in row] for row in shown[0]] == trained


def test_what_hovering_and_choosing_say(refined):
    content = contents(refined())
    implied = content["members"][1]
    assert implied["title"] == "Member 1: comprehension, implied"
    assert implied["words"] == [
        "opt.wd_dec: 0",
        "opt.lr_dec: 1e-8",
        "phase: comprehension, implied",
    ]
    assert implied["note"] == "This member wasn't trained: those around it are of one phase."
    assert implied["phase"] is None
    assert content["grid"]["data"][-1]["text"][0][1].endswith("<br>phase: comprehension, implied")
    assert content["first"] == 0


def test_counts_on_the_page(refined):
    page = report.page(read_sweep(refined(without=[7])), SAFE)
    assert "17 of 45 trained, 27 implied, 1 missing" in page
    assert "<dd>comprehension 35 (80%), memorization 9 (20%)</dd>" in page


def test_a_line_has_a_pale_strip_there(tmp_path, add_member):
    jobs = [{"opt.wd_dec": float(value)} for value in range(5)]
    write_plan(tmp_path, Plan(["opt.wd_dec"], jobs, refine=True))
    for number in (0, 4):
        add_member(number, jobs[number], 100, 150)
    times, *_ = contents(tmp_path)["figures"]
    strips = [shape for shape in times["layout"]["shapes"] if shape["type"] == "rect"]
    assert [shape.get("opacity", 1) for shape in strips] == [1, 0.5, 0.5, 0.5, 1]
