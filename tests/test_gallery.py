"""docs/gallery.py: every figure has its experiment, and the page says what was measured."""

import contextlib
import functools
import importlib
import json

import numpy as np
import pytest
import yaml
from hydra.types import RunMode

from grok.analysis.numbers.matching import TOLERANCE
from grok.analysis.read import published
from grok.composing import CONF

DOCS = CONF.parent / "docs"
FIGURES = yaml.safe_load((DOCS / "gallery.yaml").read_text())
VARIANTS = {"re_tug/fig11"}  # the runs of fig12


@pytest.fixture(scope="module")
def gallery():
    """What makes the figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DOCS)
        yield importlib.import_module("gallery")


@pytest.fixture(scope="module")
def gallery_page(gallery):
    """What writes the page."""
    return importlib.import_module("gallery_page")


def test_every_experiment_is_a_figure():
    files = (CONF / "experiment").rglob("*.yaml")
    experiments = {str(f.relative_to(CONF / "experiment").with_suffix("")) for f in files}
    assert {figure["experiment"] for figure in FIGURES} == experiments - VARIANTS


def test_figures_differ_in_name_and_know_their_scales():
    assert len({figure["name"] for figure in FIGURES}) == len(FIGURES)
    for figure in FIGURES:
        assert {"title", "claim", "pictures"} <= figure.keys()


def test_figures_that_lean_on_another_name_it():
    """On its runs, of the same experiment at every scale; or on its members, to be drawn over."""
    by_name = {figure["name"]: figure for figure in FIGURES}
    for figure in FIGURES:
        assert figure.get("paths", figure["name"]) in by_name
        runs = by_name[figure.get("runs", figure["name"])]
        for key in ("experiment", "smoke", "quick", "paper"):
            assert figure.get(key) == runs.get(key)


@pytest.mark.long
@pytest.mark.parametrize("scale", ["smoke", "quick", "paper"])
@pytest.mark.parametrize("figure", FIGURES, ids=lambda each: each["name"])
def test_every_figure_has_every_scale(gallery, sweep_loader, figure, scale):
    command = gallery.command(figure, scale)
    assert command[:3] == ["train.py", "-m", f"experiment={figure['experiment']}"]
    cfg = sweep_loader.load_configuration("config", command[2:], RunMode.MULTIRUN)
    assert cfg.hydra.sweeper.scale == scale


@pytest.mark.long
@pytest.mark.parametrize("scale", ["smoke", "quick", "paper"])
@pytest.mark.parametrize(
    "figure", [each for each in FIGURES if "compare" in each], ids=lambda each: each["name"]
)
def test_what_is_compared_has_common_cells(gallery, sweep_loader, figure, scale):
    words = gallery.command(figure, scale)[2:]
    cfg = sweep_loader.load_configuration("config", words, RunMode.MULTIRUN)
    swept = dict(word.split("=") for word in cfg.hydra.overrides.task if "," in word)
    axes = dict(cfg.hydra.sweeper.params) | swept
    grid = published.read(figure["compare"])
    for key in grid.keys:
        ours = [float(value) for value in axes[key].split(",")]
        assert any(np.isclose(value, grid.table[key], rtol=TOLERANCE).any() for value in ours)


def test_the_page(gallery_page, tmp_path):
    figure = {
        "name": "one",
        "title": "Figure 1",
        "claim": "It groks.",
        "pictures": ["phases", "absent"],
        "tables": ["fits.csv"],
        "paper_takes": "an hour.",
    }
    folder = tmp_path / "one"
    folder.mkdir()
    facts = {
        "scale": "quick",
        "command": "python train.py -m x=1",
        "members": 4,
        "steps": 12345,
        "revision": "0123456789",
        "device": "NVIDIA H200",
        "seconds": 2200.0,
        "summary": "grokking 4\nequal           3 of 4, 75.0% (95 % interval 30.1% to 95.4%)",
        "over": "python train.py -m x=2",
        "analyze": "--paths <the other sweep>",
    }
    (folder / "facts.json").write_text(json.dumps(facts))
    for name in ("phases.png", "report.json"):
        (folder / name).touch()
    (folder / "fits.csv").write_text("slope,low,points\n-0.81734,,3\n")
    unmade = figure | {"name": "two"}
    assert (
        gallery_page.page([figure, unmade], tmp_path)
        == gallery_page.HEAD
        + """
| figure | scale | cells | member-steps | wall time | on | agreement |
| --- | --- | --- | --- | --- | --- | --- |
| Figure 1 | quick | 4 | 12,345 | 37 min | NVIDIA H200 | 3 of 4, 75.0 % |

Wall time is 37 min in all, where the command was timed; elsewhere the table has what the steps \
took, of all processes together.

## Figure 1

The paper: It groks.

```bash
python train.py -m x=1
python train.py -m x=2
python analyze.py multirun/<date>/<time> --paths <the other sweep>
```

Here, at scale quick: 4 members, 12,345 member-steps, revision 0123456, on one NVIDIA H200.

```
grokking 4
equal           3 of 4, 75.0% (95 % interval 30.1% to 95.4%)
```

At the paper's scale: an hour.

![Figure 1: phases](figures/one/phases.png)

All of it as [a page to explore](figures/one/report.html) in the built documentation (`make docs`).

| slope | points |
| --- | --- |
| -0.8173 | 3 |
"""
    )


def test_the_summary_names_no_folder(gallery):
    output = """/x/y/fig2: 4 of 4 finished
grokking 4
table     /x/y/fig2/analysis/grid.csv
A         /x/y/fig2
B         re-tug/fig2-mnist
log10 of A / B
"""
    assert gallery.measured(output) == (
        "fig2: 4 of 4 finished\ngrokking 4\nB         re-tug/fig2-mnist\nlog10 of A / B"
    )


def test_time_is_counted_over_all_times_a_sweep_is_begun(
    gallery, gallery_page, tmp_path, monkeypatch
):
    """But not where nothing was left to train; also where it ends early."""
    now, sweep = [0.0], tmp_path / "sweep"
    monkeypatch.setattr(gallery.time, "monotonic", lambda: now[0])

    def run(_words, job=None, **_options):
        now[0] += 100
        if job is not None:
            (sweep / job).mkdir(parents=True)
            (sweep / job / "result.json").touch()
        if job == "1":
            raise KeyboardInterrupt

    found = []
    for job in ("0", None, "1"):
        monkeypatch.setattr(gallery.subprocess, "run", functools.partial(run, job=job))
        with contextlib.suppress(KeyboardInterrupt):
            gallery.train_all(["train.py"], sweep)
        found.append(gallery.spent(sweep))
    assert found == [100, 100, 200]
    assert [gallery_page.clock(seconds) for seconds in (0, 200, 7300)] == ["", "3 min", "2.0 h"]


def test_curves_of_a_sweep_in_one_table(gallery, tmp_path):
    for job in (10, 2):
        (tmp_path / str(job)).mkdir()
        (tmp_path / str(job) / "curves.csv").write_text(f"step,train_loss\n1,{job}\n5,0.5\n")
    assert gallery.curves(tmp_path).to_csv(index=False) == (
        "job,step,train_loss\n2,1,2.0\n2,5,0.5\n10,1,10.0\n10,5,0.5\n"
    )


def test_verdicts(gallery_page, tmp_path):
    (tmp_path / "fits.csv").write_text("slope,task.scale,t_val\n-0.9,1,\n-1.3,3,400\n")
    slope = {"says": "slope", "paper": "-1", "table": "fits.csv", "column": "slope"}
    values = [
        slope | {"from": -1.2, "to": -1},
        slope | {"from": -1.2, "where": "`task.scale` == 3"},
        slope | {"column": "t_val / 2", "where": "slope == slope.min()", "to": 200},
        slope | {"column": "t_val", "where": "`task.scale` == 1", "to": 200},
        slope | {"column": "slope.max()", "among": "`task.scale` > 1", "to": 0},
        slope | {"where": "`task.scale` == 3", "over": "`task.scale` == 1", "from": 1.5},
        slope | {"column": "t_val", "to": 500},
        slope | {"column": "t_val.max()", "to": 500},
        slope | {"column": "t_val.max()", "to": 500, "missing": True},
        slope | {"scale": "quick", "to": 0},
        slope | {"column": "slope * 0 + 0.1 + 0.2", "to": 0.3},
    ]
    found = gallery_page.verdicts({"values": values}, tmp_path, "paper")
    assert [(paper, here, verdict) for _, paper, here, verdict in found] == [
        ("-1 (from -1.2 to -1)", "-1.1", "met"),
        ("-1 (from -1.2)", "-1.3", "not met, by 0.1"),
        ("-1 (to 200)", "200", "met"),
        ("-1 (to 200)", "nan", "not met: there is none"),
        ("-1 (to 0)", "-1.3", "met"),
        ("-1 (from 1.5)", "1.444", "not met, by 0.0556"),
        ("-1 (to 500)", "nan", "not met: there is none"),
        ("-1 (to 500)", "nan", "not met: there is none"),  # though one of the two is known
        ("-1 (to 500)", "400", "met"),
        ("-1 (to 0.3)", "0.3", "met"),
    ]
    assert gallery_page.met(found) == "5 of 10 values met"
    assert gallery_page.met([]) == ""


@pytest.mark.parametrize(
    "figure", [each for each in FIGURES if "values" in each], ids=lambda each: each["name"]
)
def test_values_can_be_told(gallery_page, figure):
    kept = DOCS / "figures" / figure["name"]
    for value in figure["values"]:
        assert value["table"] in ["grid.csv", *figure.get("tables", [])]
        assert {"from", "to"} & value.keys()
    scale = json.loads((kept / "facts.json").read_text())["scale"]
    told = [value for value in figure["values"] if value.get("scale", scale) == scale]
    found = gallery_page.verdicts(figure, kept, scale)
    assert len(found) == len(told)
    assert not [says for says, *_, verdict in found if "there is none" in verdict]
