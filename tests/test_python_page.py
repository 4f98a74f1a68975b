"""docs/python.md and docs/python.ipynb: their code runs, and the table has the columns told of."""

import json
import re
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "python.md").read_text()
CELLS = json.loads((DOCS / "python.ipynb").read_text())["cells"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mpl.use("Agg")
    yield
    plt.close("all")


@pytest.mark.long
def test_the_notebook(capsys):
    """Cell by cell; its member of weight decay 1 and rate 3e-4 is that of the README's test."""
    names = {}
    for cell in CELLS:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    table = names["table"].set_index(["opt.lr_dec", "opt.wd_dec"])
    assert table.loc[(3e-4, 1.0), "t_val"] == pytest.approx(549, rel=0.01)
    assert [len(row) for row in names["codes"]] == [3, 3]
    assert names["codes"][1][1] == 0
    assert names["right"].sum() >= 9
    assert "10 validation pairs are right" in capsys.readouterr().out
    assert names["embeddings"].shape == (10, 1)


def test_the_notebook_is_shipped_without_outputs():
    found = [cell for cell in CELLS if cell.get("outputs") or cell.get("execution_count")]
    assert found == []


@pytest.mark.long
def test_the_pages_code_and_columns(monkeypatch, capsys):
    """With fewer steps; every column of the table is named on the page."""
    sweeping, reading = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = {}
    fast = sweeping.replace('"phase.budget": 2000', '"phase.budget": 40, "engine.compile": False')
    assert fast.count("engine.compile") == 2
    exec(fast + reading, names)
    *_, run, grid = capsys.readouterr().out.splitlines()
    assert run.startswith("outputs/")
    assert grid == "[nan nan]"
    told = set(re.findall(r"`(\w+)`", PAGE))
    told |= {f"best_{name}" for name in told} | set(names["table"].filter(like="opt.").columns)
    assert set(names["table"].columns) - told == set()
