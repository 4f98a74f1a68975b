"""Fixtures of what launches sweeps."""

from collections.abc import Iterator

import pytest

from tests.launch.slurm_node import slurm_node


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Slurm of one node with two processors, for the tests of a module."""
    with slurm_node(tmp_path_factory.mktemp("slurm")):
        yield
