"""What ``hydra.launcher`` may say."""

import dataclasses

import pytest
from omegaconf import OmegaConf

from grok.checks.of_hydra import OF_CLUSTERS
from grok.errors import ConfigError
from grok.launch.settings import Spread, Stacked, checked


def settings(**changes):
    return checked(OmegaConf.merge(OmegaConf.structured(Stacked), changes))


def test_the_part_for_a_machine():
    assert settings().spread == Spread("auto", "auto", "auto")
    assert settings(workers=2, devices=[0, 2]).spread == Spread("auto", 2, [0, 2])


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"workers": 0}, "workers=0: must be auto or a whole number of at least 1"),
        ({"stack_size": True}, "stack_size=True: must be auto or a whole number of at least 1"),
        ({"devices": 1}, "devices=1: must be auto or a list of numbers, such as [0,1]"),
        ({"cluster": "slrum"}, "cluster=slrum: must be null, slurm or local"),
        ({"allocations": 0}, "allocations=0: must be a whole number of at least 1"),
        ({"timeout_min": -5}, "timeout_min=-5: must be a whole number of at least 1"),
        (
            {"cluster": "local", "wait": False},
            "wait=false: cluster=local ends with the command; leave it at true",
        ),
        ({"mem_gb": 0}, "mem_gb=0: must be a whole number of at least 1"),
    ],
)
def test_mistakes(changes, line):
    with pytest.raises(ConfigError) as error:
        settings(**changes)
    assert str(error.value) == f"hydra.launcher.{line}"


def test_keys_that_there_are_not():
    launcher = OmegaConf.create({"partitoin": "gpu"})
    with pytest.raises(ConfigError, match="partitoin=gpu: no such key; did you mean partition"):
        checked(launcher)


def test_what_is_for_clusters():
    """All that isn't about this machine: refused where no cluster is chosen."""
    here = {"_target_", "cluster", *Spread._fields}
    names = {field.name for field in dataclasses.fields(Stacked)} - here
    assert {key.removeprefix("hydra.launcher.") for key in OF_CLUSTERS} == names
