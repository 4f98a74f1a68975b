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


FIVE = [
    *GRID,
    *("phase.budget=1500", "phase.early_stop=false", "opt.lr_dec=1e-3"),
    *("hydra.launcher.stack_size=1", "hydra.launcher.workers=2"),
]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, run_train):
    folder = tmp_path_factory.mktemp("unbroken")
    done = run_train(*FIVE, f"hydra.sweep.dir={folder}")
    assert done.returncode == 0, done.stderr
    return table(folder)


@pytest.mark.parametrize("killed", [1, 2])
def test_killed_workers_leave_their_jobs_to_the_others(killed, unbroken, tmp_path):
    """Or, where none is left, to the same command."""
    broken = tmp_path / "broken"
    command = [sys.executable, "train.py", *FIVE, f"hydra.sweep.dir={broken}"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    deadline = time.monotonic() + 100
    while len(set(queue.held(broken).values())) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for worker in queue.workers(broken)[:killed]:
        os.kill(int(worker.split("+")[1]), signal.SIGKILL)
    output, _ = process.communicate(timeout=200)
    assert "a worker was killed, as it is when memory runs out" in output
    if killed == 1:
        assert "1 are left and go on with its jobs" in output
        assert process.returncode == 0, output
    else:
        assert "none is left" in output
        assert "not trained, for no worker was left; the same command goes on" in output
        assert process.returncode == 1, output
        again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert again.returncode == 0, again.stderr
    assert table(broken).equals(unbroken)
