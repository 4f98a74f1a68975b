"""What a report shows first: its heading, what its words mean, and the cell it opens at."""

import os
import re
from datetime import datetime

import pytest

from grok.analysis import report
from grok.analysis.pictures.palette import SAFE
from grok.analysis.read.table import read_sweep
from tests.analysis.report.test_report import contents, lightness


def header(folder):
    """The page's heading, what is below it, and the table of phases as texts."""
    page = report.page(read_sweep(folder), SAFE)
    heading, below = re.search(r"<h1>(.*?)</h1>\s*<p>(.*?)</p>", page, re.DOTALL).groups()
    caption = re.search(r"<caption>(.*?)</caption>", page)[1]
    rows = re.findall(r"<tr><th>(.*?)</th><td>(.*?)</td></tr>", page)
    return heading, below, caption, rows


def test_the_heading_names_folder_and_date_and_the_time_is_plain(grid_sweep):
    for job in (0, 1, 3, 4, 5):
        noon = datetime(2026, 3, 1 + job, 12).timestamp()
        os.utime(grid_sweep / str(job) / "result.json", (noon, noon))
    heading, below, _, _ = header(grid_sweep)
    name = "/".join(grid_sweep.parts[-2:])
    assert heading == f"toy_regression: {name} (2026-03-06)"
    assert below == (
        "5 of 6 finished, 1 missing; 7.5 s of training, summed over 5 members "
        "(203,299 optimizer steps)"
    )
    _, below, _, _ = header(grid_sweep / "3")
    assert below == "1 of 1 finished; 1.5 s of training (1,200 optimizer steps)"


def test_times_and_phases_are_defined(grid_sweep):
    _, _, caption, rows = header(grid_sweep)
    assert caption == (
        "T_train and T_val are the first optimizer steps, counted from 1, at which train and "
        "validation accuracy are at least 0.899, of the steps at which accuracies are measured. "
        "With minibatches, train accuracy is that of the epoch so far."
    )
    assert rows == [
        ("comprehension", "Both come, T_val less than 1000 steps after T_train, or before it."),
        ("grokking", "Both come, T_val at least 1000 steps after T_train."),
        ("memorization", "T_train comes within the budget, T_val doesn&#x27;t."),
        ("confusion", "T_train doesn&#x27;t come within the budget."),
    ]


def test_a_threshold_that_must_be_exceeded(make_sweep, add_member):
    """As MNIST's."""
    folder = make_sweep(({"opt.lr_dec": 1e-3}, None))
    config = {"phase": {"tolerance": -1e-9}}
    add_member(0, {"opt.lr_dec": 1e-3}, 10, 20, threshold=0.6, config=config)
    _, _, caption, _ = header(folder)
    assert "validation accuracy are over 0.6, of the steps" in caption


def test_a_threshold_less_a_tolerance(make_sweep, add_member):
    folder = make_sweep(({"opt.lr_dec": 1e-3}, None))
    config = {"phase": {"tolerance": 1e-3}}
    add_member(0, {"opt.lr_dec": 1e-3}, 10, 20, threshold=0.9, config=config)
    _, _, caption, _ = header(folder)
    assert "validation accuracy are at least 0.899 (0.9 less 1e-3), of the steps" in caption


def test_it_opens_at_the_longest_delay(grid_sweep, add_curves):
    assert contents(grid_sweep)["first"] == 3
    for job in (0, 1, 4, 5):  # one of those that can show something
        add_curves(grid_sweep / str(job))
    assert contents(grid_sweep)["first"] == 4
    for job in (3, 4, 5):
        (grid_sweep / str(job) / "result.json").unlink()
    assert contents(grid_sweep)["first"] == 0


def test_t_val_looks_unlike_t_train_even_as_a_point(make_sweep):
    content = contents(make_sweep(({"a": 1}, (10, 20)), ({"a": 2}, (None, None))))
    train, val = content["figures"][0]["data"]
    assert (train["marker"]["symbol"], val["marker"]["symbol"]) == ("circle", "square")
    assert (train["line"]["dash"], val["line"]["dash"]) == ("dash", "solid")


def test_confusion_is_black_and_late_memorization_is_not(grid_sweep):
    view = next(v for v in contents(grid_sweep)["grid"]["views"] if v["name"] == "Smooth")
    scale = view["layout"]["coloraxis2"]
    assert scale["cmax"] == pytest.approx(5)  # the confused are there
    (below, dark), (top, first), (last, black) = scale["colorscale"][-3:]
    assert (below, top, last) == (pytest.approx(0.9999), pytest.approx(0.9999), 1)
    assert first == black == "#000000"
    assert lightness(dark) > 0.15
