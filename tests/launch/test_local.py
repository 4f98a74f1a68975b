"""Processes of this machine: what they train of a refined sweep, and without one that is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grok.analysis import load
from grok.launch import queue
from grok.record.record import read_plan
from grok.sweeps.refine import refine
from tests.launch.small_sweep import SWEEP, table

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.long
GRID = [
    *SWEEP[:-1],
    "opt.lr_dec=1e-4,3e-4,1e-3,3e-3,1e-2",
    "opt.wd_dec=0,1,2,3,4",
    "hydra/launcher=stacked",
]


def test_a_refined_sweep_and_then_the_rest(run_train, tmp_path):
    """The cells trained are those that the phases of the whole grid ask for."""
    command = [*GRID, f"hydra.sweep.dir={tmp_path}"]
    done = run_train(*command, "hydra.sweeper.refine=true")
    assert done.returncode == 0, done.stderr
    refined = load(tmp_path)
    trained = set(refined["job"][~refined["implied"]])
    assert 4 < len(trained) < 25
    assert f"{len(trained)} of {len(trained)} finished, {25 - len(trained)} implied" in done.stdout
    plan = read_plan(tmp_path)
    done = run_train(*command)
    assert done.returncode == 0, done.stderr
    whole = load(tmp_path)
    assert "implied" not in whole
    phases = dict(zip(whole["job"], whole["phase"], strict=True))
    known: dict[int, str] = {}
    while missing := refine(plan.jobs, known).wanted - known.keys():
        known |= {job: phases[job] for job in missing}
    assert trained == known.keys()
    implied = refine(plan.jobs, known).implied
    assert dict(zip(refined["job"], refined["phase"], strict=True)) == (known | implied)


def test_a_killed_worker_leaves_its_jobs_to_the_other(run_train, tmp_path):
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    settings = [*GRID, "phase.budget=1500", "phase.early_stop=false", "hydra.launcher.stack_size=1"]
    settings += ["opt.lr_dec=1e-3", "hydra.launcher.workers=2"]
    command = [sys.executable, "train.py", *settings, f"hydra.sweep.dir={broken}"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    deadline = time.monotonic() + 100
    while len(set(queue.held(broken).values())) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    first, _ = queue.workers(broken)
    os.kill(int(first.split("+")[1]), signal.SIGKILL)
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 0, output
    assert "a worker was killed, as it is when memory runs out" in output
    assert "1 are left and go on with its jobs" in output
    done = run_train(*settings, f"hydra.sweep.dir={unbroken}")
    assert done.returncode == 0, done.stderr
    assert table(broken).equals(table(unbroken))
