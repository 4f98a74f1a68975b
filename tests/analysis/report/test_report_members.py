"""What the report holds of each member: its words, curves, measures and embeddings."""

import numpy as np

from grok.analysis import report
from grok.analysis.numbers import measures
from grok.analysis.pictures.palette import SAFE
from grok.analysis.read import files
from grok.analysis.read.table import read_sweep
from grok.analysis.report import members
from grok.phases import Phase
from grok.record.names import CURVES
from tests.analysis.report.test_report import contents


def test_members_hold_what_they_measured(cells, add_curves, add_measures, add_embeddings):
    add_curves(cells / "0")
    add_measures(cells / "0", rqi={0: 0.0, 10: 0.25, 20: 0.5}, margin={1: 1000.0, 5: 1.0})
    content = contents(cells)
    assert content["members"][0]["measures"] == {
        "rqi": [[10, 20], [0.25, 0.5]],
        "margin": [[1, 5], [1000, 1]],
    }
    assert [member["measures"] for member in content["members"][1:]] == [{}, {}, {}]
    rqi, margin = content["member"]["measures"]
    assert (rqi["meta"], rqi["yaxis"], margin["yaxis"]) == ("rqi", "y4", "y5")
    layout = content["member"]["layout"]
    assert layout["yaxis4"] == {"title": {"text": "rqi"}}
    assert (layout["yaxis5"]["type"], layout["grid"]["rows"]) == ("log", 5)
    add_embeddings(0)
    content = contents(cells)
    assert [each["yaxis"] for each in content["member"]["measures"]] == ["y5", "y6"]
    assert content["member"]["layout"]["yaxis4"]["title"]["text"] == "embedding"


def test_long_measures_are_thinned_but_exact(cells, add_measures):
    add_measures(cells / "0", rqi={step: step / 1e6 for step in range(0, 100_001, 10)})
    steps, values = contents(cells)["members"][0]["measures"]["rqi"]
    assert 50 < len(steps) <= 200
    assert (steps[0], steps[-1]) == (10, 100_000)
    np.testing.assert_allclose(values, np.array(steps) / 1e6)


def test_hovering_tells_the_record(grid_sweep):
    _, targets = contents(grid_sweep)["grid"]["data"]
    assert targets["text"][0][1].split("<br>") == [
        "job: 3",
        "opt.wd_dec: 0",
        "opt.lr_dec: 1e-3",
        "phase: grokking",
        "T_train: 200",
        "T_val: 1200",
        "steps: 1200 of 100000 (early_stop)",
        "diverged: no",
        "final train loss: 0.125",
        "final train accuracy: 1",
        "final validation loss: 0.5",
        "final validation accuracy: 0.75",
        "final weight norm: 30",
    ]
    assert targets["text"][1][1].endswith("not finished")
    assert "T_train: 70<br>T_val: never" in targets["text"][0][2]


def test_members_hold_their_curves(grid_sweep, add_curves):
    add_curves(grid_sweep / "3")
    members = contents(grid_sweep)["members"]
    assert [member["job"] for member in members] == list(range(6))
    assert members[3]["curves"] == [
        [1, 10, 100],
        [1, 0.5, 0.01],
        [0.1, 0.9, 1.0],
        [2, 1, None],
        [0.1, 0.2, 0.9],
        [30, 20, 10],
    ]
    assert members[3]["delay"] == [200, 1200, SAFE[Phase.GROKKING].lower()]
    assert (members[3]["cell"], members[3]["at"]) == ([0, 1, 0], [0, 1])
    assert members[0]["curves"] is None
    assert members[0]["note"] == "This member left no curves.csv."
    assert members[2]["note"] == "This member hasn't finished."


def test_damaged_curves_say_so(grid_sweep):
    (grid_sweep / "3" / CURVES).write_text("what\n1\n")
    note = contents(grid_sweep)["members"][3]["note"]
    assert "3/curves.csv: damaged" in note


def test_a_member_that_fails_is_left_out_alone(
    grid_sweep, add_measures, add_embeddings, monkeypatch, capsys
):
    for job in (3, 4):
        add_embeddings(job)
        add_measures(grid_sweep / str(job), rqi={10: 0.5})
    of_file, of_member = files.array, measures.of_member

    def failing(make):
        def fail(sweep, job, *more):
            if job == 3:
                raise ValueError("odd")
            return make(sweep, job, *more)

        return fail

    monkeypatch.setattr(files, "array", failing(of_file))
    monkeypatch.setattr(measures, "of_member", failing(of_member))
    members = report.contents(read_sweep(grid_sweep), SAFE)["members"]
    assert [each["job"] for each in members if each["embeddings"]] == [4]
    assert [each["job"] for each in members if each["measures"]] == [4]
    assert capsys.readouterr().err.splitlines() == [
        "warning: report, embeddings of member 3: left out (ValueError: odd)",
        "warning: report, measures of member 3: left out (ValueError: odd)",
    ]


def test_embeddings_are_thinned_but_exact(grid_sweep, add_embeddings):
    add_embeddings(3, last_step=20_000)
    content = contents(grid_sweep)
    embeddings = content["members"][3]["embeddings"]
    assert content["members"][0]["embeddings"] is None
    assert 50 < len(embeddings["steps"]) <= 200
    assert embeddings["steps"][-1] == 20_000
    expected = np.arange(5)[:, None] + 0.001 * np.array(embeddings["steps"])
    np.testing.assert_allclose(embeddings["values"], expected, atol=1e-4)
    assert len(content["member"]["symbols"]) == 5
    assert content["member"]["layout"]["yaxis4"]["title"]["text"] == "embedding"


def test_a_lone_run_shows_its_curves(add_member, add_curves):
    folder = add_member(0, {"opt.lr_dec": 0.1}, 70, None)
    add_curves(folder)
    content = contents(folder)
    assert (content["grid"], content["figures"], content["keys"]) == (None, [], [])
    assert content["members"][0]["curves"][0] == [1, 10, 100]


def test_thinned_curves_say_so(add_member, add_curves, monkeypatch):
    folder = add_member(0, {"opt.lr_dec": 0.1}, 70, None)
    add_curves(folder)
    (member,) = contents(folder)["members"]
    assert "curves.csv" not in "".join(member["words"])
    monkeypatch.setattr(members, "LEAST", 2)
    monkeypatch.setattr(members, "MOST_ROWS", 2)
    (member,) = contents(folder)["members"]
    assert member["curves"][0] == [1, 100]
    assert member["words"][-1] == "shown of curves.csv: 2 of 3 rows"


def test_several_coordinates_are_their_norm(grid_sweep, add_embeddings):
    add_embeddings(3, dimensions=2)
    content = contents(grid_sweep)
    assert content["member"]["layout"]["yaxis4"]["title"]["text"] == "embedding<br>(L2 norm)"
    embeddings = content["members"][3]["embeddings"]
    expected = np.arange(5)[:, None] + 0.001 * np.array(embeddings["steps"])
    np.testing.assert_allclose(embeddings["values"], expected, atol=1e-4)
