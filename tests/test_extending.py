"""The page for those who write tasks and measures of their own: its code, files and command run."""

import os
import re
from pathlib import Path

import pandas as pd
import pytest

from grok.analysis import load
from grok.record.names import MEASURES

PAGE = (Path(__file__).parents[1] / "docs" / "extending.md").read_text()


@pytest.fixture
def mine(tmp_path):
    """A folder with all that the page names."""
    for language in ("python", "yaml"):
        for name, text in re.findall(rf"```{language}\n# (\S+)\n(.*?)```", PAGE, re.DOTALL):
            path = tmp_path / "mine" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return tmp_path / "mine"


def test_a_task_and_a_measure_of_ones_own(mine, run_python, tmp_path):
    (check,) = re.findall(r"```python\n(from grok import check_task.*?)```", PAGE, re.DOTALL)
    path = f"{mine}{os.pathsep}{Path.cwd()}"
    checked = run_python("-c", check, PYTHONPATH=path, OMP_NUM_THREADS="1")
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    (command,) = re.findall(r"```bash\n(PYTHONPATH.*?)```", PAGE, re.DOTALL)
    words = command.replace("\\\n", " ").replace("mine/conf", f"{mine}/conf").split()
    assert words[:3] == ["PYTHONPATH=mine", "python", "train.py"]
    more = "+measures.extremes._target_=extremes.Extremes"
    options = "measures=[sparsity]", more, "engine.compile=false", "phase.budget=200"
    done = run_python(
        *words[2:], *options, f"hydra.sweep.dir={tmp_path / 'sweep'}", PYTHONPATH=path
    )
    assert done.returncode == 0, done.stderr
    table = load(tmp_path / "sweep")
    assert len(table) == 8
    assert table["train_accuracy"].min() > 0.5
    measured = pd.read_csv(tmp_path / "sweep" / "0" / MEASURES)
    assert measured["sparsity"].dropna().between(0, 0.1).all()
    assert (measured["largest"].dropna() > measured["smallest"].dropna()).all()
    measured = measured.dropna(subset="sparsity")
    assert measured["step"].tolist() == [0, 100, 200]
    assert table["sparsity"][0] == pytest.approx(measured["sparsity"].iloc[-1])
