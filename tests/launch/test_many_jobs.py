"""A hundred jobs by several workers: none is lost, none is trained twice, whoever is killed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from grok.launch import queue
from grok.record.names import RESULT
from tests.launch.small_sweep import table

ROOT = Path(__file__).parent.parent.parent
SWEEP = [
    "-m",
    "engine.compile=false",
    "phase.budget=400",
    "phase.threshold=0.6",
    "trainer.precision=64-true",
    "callbacks.checkpoints.seconds=1",
    "opt.lr_dec=logspace(-4,-2,10)",
    "opt.wd_dec=linspace(0,9,10)",
    "hydra/launcher=stacked",
    "hydra.launcher.stack_size=1",
]
KILLS = 10
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def here(tmp_path_factory, run_train):
    """The sweep by two workers of this machine."""
    folder = tmp_path_factory.mktemp("here")
    done = run_train(*SWEEP, f"hydra.sweep.dir={folder}", "hydra.launcher.workers=2")
    assert done.returncode == 0, done.stderr
    assert table(folder)["phase"].nunique() > 1
    return folder


def sent(name, count, folder):
    where = [f"hydra.launcher.cluster={name}", f"hydra.launcher.allocations={count}"]
    return [*SWEEP, *where, "hydra.launcher.workers=1", f"hydra.sweep.dir={folder}"]


def test_by_four_allocations(here, run_train, tmp_path):
    done = run_train(*sent("local", 4, tmp_path))
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(table(tmp_path), table(here), check_exact=True)


def test_by_an_array_in_slurm(slurm, here, run_train, tmp_path):
    done = run_train(*sent("slurm", 2, tmp_path))
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(table(tmp_path), table(here), check_exact=True)


def records(folder):
    """When and where each record was written."""
    found = {path.parent.name: path.stat() for path in folder.glob(f"*/{RESULT}")}
    return {job: (stat.st_ino, stat.st_mtime_ns) for job, stat in found.items()}


def workers(folder):
    return [int(worker.split("+")[1]) for worker in queue.workers(folder)]


def start(folder):
    command = [sys.executable, "train.py", *sent("local", 4, folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_with_ten_kills(here, tmp_path):
    """Of workers, wherever they are; the command is given again when none is left."""
    chance = random.Random(3)
    kills, finished = 0, {}
    process = start(tmp_path)
    while kills < KILLS:
        time.sleep(chance.uniform(0.5, 4))
        if process.poll() is not None:
            assert len(records(tmp_path)) < 100, "all were trained before the last kill"
            process = start(tmp_path)
        elif at_work := workers(tmp_path):
            try:
                os.kill(chance.choice(at_work), signal.SIGKILL)
            except ProcessLookupError:  # killed before, and not yet noticed by the others
                continue
            kills += 1
            now = records(tmp_path)
            assert {job: now[job] for job in finished} == finished, "trained again"
            finished = now
    process.wait()
    assert start(tmp_path).wait() == 0
    now = records(tmp_path)
    assert {job: now[job] for job in finished} == finished, "trained again"
    pd.testing.assert_frame_equal(table(tmp_path), table(here), check_exact=True)
