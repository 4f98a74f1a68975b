"""Fixtures of what launches sweeps."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.launch.slurm_node import slurm_node
from tests.launch.small_sweep import STRUCTURES


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Slurm of one node with two processors, for the tests of a module."""
    with slurm_node(tmp_path_factory.mktemp("slurm")):
        yield


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory, run_train: Any) -> Path:
    """A sweep by the basic launcher, complete."""
    folder = tmp_path_factory.mktemp("begun") / "sweep"
    done = run_train(*STRUCTURES, f"hydra.sweep.dir={folder}", "hydra/launcher=basic")
    assert done.returncode == 0, done.stderr
    return folder
