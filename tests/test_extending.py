"""The page for those who write tasks and measures of their own: its code and commands run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from omegaconf import OmegaConf

from grok import check_optimizer, check_task
from grok.analysis import load
from grok.composing import made
from grok.new_task import write
from grok.record.names import MEASURES

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text()
COMMANDS = {"grok-train": "train.py", "grok-analyze": "analyze.py"}


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def edited(text, changes):
    """`text` with the lines of a diff, each run of - lines followed by its + lines."""
    for old, new in re.findall(r"((?:^-.*\n)+)((?:^\+.*\n)+)", changes, re.MULTILINE):
        old, new = (re.sub(r"^[-+]", "", lines, flags=re.MULTILINE) for lines in (old, new))
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder with all that the page makes, and the commands as they are called in it."""
    monkeypatch.chdir(tmp_path)
    write("counting", Path())
    for changes in blocks("diff"):
        head, _, changes = changes.partition("\n")
        path = Path(head.removeprefix("--- "))
        path.write_text(edited(path.read_text(), changes))
    for language in ("python", "yaml"):
        for name, text in re.findall(rf"```{language}\n# (\S+)\n(.*?)```", PAGE, re.DOTALL):
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(text)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for command, script in COMMANDS.items():
        (bin_folder / command).write_text(
            f'#!/bin/sh\nexec {sys.executable} -P "{ROOT / script}" "$@"\n'
        )
        (bin_folder / command).chmod(0o755)
    path = os.pathsep.join([str(bin_folder), str(Path(sys.executable).parent), os.environ["PATH"]])
    monkeypatch.setenv("PATH", path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield tmp_path
    for name in ("counting", "signs"):
        sys.modules.pop(name, None)


def run(script):
    done = subprocess.run(["bash", "-ec", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_task_of_the_page(mine, monkeypatch):
    """It says what its YAML says, and keeps the contract."""
    monkeypatch.syspath_prepend(mine)
    from counting import Counting

    keys = yaml.safe_load((mine / "conf" / "task" / "counting.yaml").read_text())
    assert keys.pop("_target_") == "counting.Counting"
    assert Counting(**keys) == Counting()
    check_task(Counting())
    assert Counting().data(0).train["labels"].unique().tolist() == [0, 1, 2]


def test_the_optimizer_of_the_page(mine, monkeypatch):
    monkeypatch.syspath_prepend(mine)
    from signs import Signs

    keys = OmegaConf.load(mine / "conf" / "opt" / "signs.yaml")
    assert made(keys) == Signs(lr_enc=1e-3, lr_dec=1e-3)
    check_optimizer(Signs(lr_enc=1e-3, lr_dec=1e-3))


@pytest.mark.long
def test_the_walk_and_the_measures(mine):
    """Its commands in its order, but the check in a process of its own, with small budgets."""
    new_task, _, commands, *_ = blocks("bash")
    assert new_task == "grok-train new-task counting\n"
    _, sweep, analyze = commands.replace("\\\n", " ").splitlines()
    more = "measures=[sparsity,extremes] opt=signs engine.compile=false"
    run(f"{sweep.replace('=3000', '=200')} {more}")
    assert "9 of 9 finished" in run(analyze)
    for name in ("phases.png", "report.html"):
        assert Path("sweeps/counting/analysis", name).stat().st_size > 5000
    table = load("sweeps/counting")
    assert table["train_accuracy"].min() > 0.3
    measured = pd.read_csv(Path("sweeps/counting/0", MEASURES))
    assert measured["sparsity"].dropna().between(0, 0.1).all()
    assert (measured["largest"].dropna() > measured["smallest"].dropna()).all()
    measured = measured.dropna(subset="sparsity")
    assert measured["step"].tolist() == [0, 100, 200]
    assert table["sparsity"][0] == pytest.approx(measured["sparsity"].iloc[-1])


@pytest.mark.slow
def test_the_check_and_a_single_member(mine):
    _, check, commands, *_ = blocks("bash")
    assert run(check) == ""
    single, *_ = commands.splitlines()
    said = run(f"{single.replace('=3000', '=60')} engine.compile=false")
    assert said.startswith("confusion")
