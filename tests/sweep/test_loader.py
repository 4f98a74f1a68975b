"""A sweep over options of a group is composed with what was chosen."""

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.types import RunMode

from grok.compose import CONF, register
from grok.sweep import loader


@pytest.fixture
def sweep_loader(monkeypatch):
    import hydra._internal.hydra
    from hydra import initialize_config_dir

    name = "ConfigLoaderImpl"
    monkeypatch.setattr(hydra._internal.hydra, name, getattr(hydra._internal.hydra, name))
    register()
    loader.register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


def test_a_sweep_has_the_first_option_of_each_group(sweep_loader):
    words = [
        "task=mnist,teacher_student",
        "task.train_size=50",
        "opt.lr_dec=1,2",
        "hydra.verbose=1",
    ]
    cfg = sweep_loader.load_configuration("config", words, RunMode.MULTIRUN)
    assert cfg.task.train_size == 50
    assert cfg.hydra.runtime.choices["task"] == "mnist"
    assert cfg.hydra.overrides.task == words[:3]
    assert cfg.opt.lr_dec == 1e-3


def test_a_job_is_composed_as_by_hydra(sweep_loader):
    cfg = sweep_loader.load_configuration("config", ["task=mnist"], RunMode.RUN)
    assert cfg.hydra.overrides.task == ["task=mnist"]


@pytest.mark.parametrize("group", ["", "task", "experiment", "hydra/launcher", "nothing"])
def test_options_are_those_that_hydra_finds(group, sweep_loader):
    for kind in (ObjectType.CONFIG, ObjectType.GROUP, None):
        found = sweep_loader.get_group_options(group, kind)
        assert found == ConfigLoaderImpl.get_group_options(sweep_loader, group, kind)
