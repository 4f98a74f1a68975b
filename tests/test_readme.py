import re
from pathlib import Path

import pandas as pd
import pytest

from grok.composing import compose
from grok.job import make_member, setup
from grok.record.record import Plan, Record, write_plan, write_record
from grok.training import train

README = Path(__file__).parents[1] / "README.md"
FOLDER = "multirun/<date>/<time>"


def blocks():
    """The page's two examples in Python."""
    found = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert [FOLDER in block for block in found] == [True, True]
    return found


@pytest.mark.long
def test_kept_weights_come_back(tmp_path):
    """Those of T_val have nine of ten validation pairs right."""
    options = ["task=toy_classification", "opt.lr_dec=3e-4", "opt.wd_dec=1"]
    cfg = compose(*options, "weights=events", "engine.compile=false", "phase.budget=1000")
    train([make_member(cfg, tmp_path / "7", "toy_classification", {})], setup(cfg))
    names = {}
    exec(blocks()[1].replace(FOLDER, str(tmp_path)), names)
    right = names["member"].task.correct(names["outputs"], names["batch"])
    assert right.sum().item() == 9
    assert names["member"].record.t_val == pytest.approx(549, rel=0.01)


def test_the_python_example_runs(tmp_path, capsys):
    """On a sweep of two members that grok at 10 and 30, and one that memorises at 50."""
    jobs = [{"opt.lr_dec": rate} for rate in (1e-4, 1e-3, 1e-2)]
    write_plan(tmp_path, Plan(["opt.lr_dec"], jobs))
    for job, (t_train, t_val) in enumerate([(10, 2000), (30, 3000), (50, None)]):
        phase = "grokking" if t_val else "memorization"
        record = Record(
            "toy_regression", phase, t_train, t_val, budget=5000, threshold=0.9, grokking_gap=1000,
            steps=t_val or 5000, stop_reason="budget", diverged=False, overrides=jobs[job],
        )  # fmt: skip
        write_record(tmp_path / str(job), record)
    block, _ = blocks()
    names: dict[str, pd.DataFrame] = {}
    exec(block.replace(FOLDER, str(tmp_path)), names)
    assert capsys.readouterr().out.splitlines()[:3] == [
        "phase", "grokking        20.0", "memorization    50.0",
    ]  # fmt: skip
    assert len(names["table"]) == 3
