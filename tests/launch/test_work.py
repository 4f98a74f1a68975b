"""More workers on a sweep: a command on its folder, whoever began it."""

import shutil

import pandas as pd
import pytest

from grok.analysis import load
from grok.launch.queue import WORK
from tests.in_process import run_in_process

SWEEP = [
    "engine.compile=false",
    "phase.budget=200",
    "phase.threshold=0.4",
    "trainer.precision=64-true",
    "opt.lr_dec=1e-2,1e-3",
    "task.activation=tanh,relu",
]


@pytest.fixture(scope="module")
def begun(tmp_path_factory, run_train):
    """A sweep by the basic launcher, complete."""
    folder = tmp_path_factory.mktemp("begun") / "sweep"
    done = run_train("-m", *SWEEP, f"hydra.sweep.dir={folder}", "hydra/launcher=basic")
    assert done.returncode == 0, done.stderr
    return folder


def table(folder):
    return load(folder).drop(columns=["wall_seconds", "folder"])


def test_what_is_left_is_trained_with_the_same_numbers(begun, run_train, tmp_path):
    """Elsewhere, after the folder has moved."""
    moved = tmp_path / "moved"
    shutil.copytree(begun, moved)
    for job in "013":
        shutil.rmtree(moved / job)
    done = run_train("work", moved, "hydra.launcher.workers=2")
    assert done.returncode == 0, done.stderr
    assert "4 of 4 finished" in done.stdout
    assert done.stdout.endswith(f"To draw it: python analyze.py {moved}\n")
    pd.testing.assert_frame_equal(table(moved), table(begun))
    assert not (moved / WORK).exists()


def fails(monkeypatch, capsys, *words):
    status = run_in_process(monkeypatch, *words)
    (line,) = capsys.readouterr().err.splitlines()
    return status, line.removeprefix("error: ")
