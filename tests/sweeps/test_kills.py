"""A sweep that is killed again and again ends with the grid of an unbroken one."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grok.analysis import load
from grok.record.names import RESULT
from grok.record.record import read_record

ROOT = Path(__file__).parent.parent.parent
KILLS = 14
GRID = [
    "-m",
    "opt.lr_dec=1e-4,3e-4,1e-3",
    "opt.wd_dec=0,2,5",
    "phase.budget=12000",
    "callbacks.checkpoints.seconds=1",
]


def command(folder, launcher):
    settings = [f"hydra.sweep.dir={folder}", f"hydra/launcher={launcher}"]
    return [sys.executable, "train.py", *GRID, *settings]


def records(folder):
    return {path.parent.name: read_record(path.parent) for path in folder.glob(f"*/{RESULT}")}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["stacked", "basic", "joblib"])
def test_fourteen_kills(tmp_path, launcher):
    folder = tmp_path / "killed"
    seconds = random.Random(7)
    finished = {}
    for _ in range(KILLS):
        process = subprocess.Popen(
            command(folder, launcher),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(seconds.uniform(1, 14))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        now = records(folder)
        assert {job: now[job] for job in finished} == finished, "a finished job was trained again"
        finished = now
    subprocess.run(command(folder, launcher), cwd=ROOT, check=True, capture_output=True)
    subprocess.run(
        command(tmp_path / "unbroken", launcher), cwd=ROOT, check=True, capture_output=True
    )
    outcome = ["opt.lr_dec", "opt.wd_dec", "phase", "t_train", "t_val", "steps", "stop_reason"]
    killed, unbroken = (load(path)[outcome] for path in (folder, tmp_path / "unbroken"))
    assert len(killed) == 9
    assert killed.equals(unbroken)
