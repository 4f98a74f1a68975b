"""A sweep sent to a cluster leaves what it leaves here, whatever becomes of its allocations."""

from pathlib import Path

import pandas as pd
import pytest

from grok.analysis import load
from grok.launch.queue import WORK

ROOT = Path(__file__).parent.parent.parent
SWEEP = [
    "-m",
    "engine.compile=false",
    "phase.budget=200",
    "phase.threshold=0.4",
    "trainer.precision=64-true",
    "opt.lr_dec=1e-2,1e-3",
    "opt.wd_dec=0,2",
    "hydra/launcher=stacked",
    "hydra.launcher.workers=1",
]
LONG = ["phase.budget=12000", "callbacks.checkpoints.seconds=1", "phase.early_stop=false"]


def table(folder):
    return load(folder).drop(columns=["wall_seconds", "folder"])


@pytest.fixture(scope="module")
def here(tmp_path_factory, run_train):
    """The sweep by the stacked launcher on this machine."""
    folder = tmp_path_factory.mktemp("here")
    done = run_train(*SWEEP, f"hydra.sweep.dir={folder}")
    assert done.returncode == 0, done.stderr
    return folder


def sent(name, folder):
    return [
        f"hydra.launcher.cluster={name}",
        "hydra.launcher.allocations=2",
        f"hydra.sweep.dir={folder}",
    ]


def test_processes_as_if_they_were_a_cluster(here, run_train, tmp_path):
    done = run_train(*SWEEP, *sent("local", tmp_path))
    assert done.returncode == 0, done.stderr
    assert "sent to work on it: processes, 2 in all." in done.stdout
    pd.testing.assert_frame_equal(table(tmp_path), table(here))
    assert not (tmp_path / WORK).exists()


def test_an_array_in_slurm(slurm, here, run_train, tmp_path):
    done = run_train(*SWEEP, *sent("slurm", tmp_path))
    assert done.returncode == 0, done.stderr
    assert "sent to work on it: Slurm job" in done.stdout
    pd.testing.assert_frame_equal(table(tmp_path), table(here))
    assert not (tmp_path / WORK).exists()
