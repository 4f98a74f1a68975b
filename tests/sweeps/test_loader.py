"""A sweep is composed at its scale, and with what was chosen of the groups that it is over."""

import re

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.object_type import ObjectType
from hydra.types import RunMode

from grok.errors import ConfigError


def test_a_sweep_has_the_first_option_of_each_group(sweep_loader):
    words = [
        "task=mnist,teacher_student",
        "task.train_size=50",
        "opt.lr_dec=1,2",
        "hydra.verbose=true",
    ]
    cfg = sweep_loader.load_configuration("config", words, RunMode.MULTIRUN)
    assert cfg.task.train_size == 50
    assert cfg.hydra.runtime.choices["task"] == "mnist"
    assert cfg.hydra.overrides.task == words[:3]
    assert cfg.opt.lr_dec == 1e-3


def test_a_job_is_composed_as_by_hydra(sweep_loader):
    cfg = sweep_loader.load_configuration("config", ["task=mnist"], RunMode.RUN)
    assert cfg.hydra.overrides.task == ["task=mnist"]


@pytest.mark.parametrize("mode", RunMode)
def test_a_scale_is_its_overrides(sweep_loader, mode):
    words = ["experiment=omnigrok/fig9", "hydra.sweeper.scale=quick", "task.p=13"]
    cfg = sweep_loader.load_configuration("config", words, mode)
    assert cfg.hydra.sweeper.grid == 6
    assert (cfg.task.p, cfg.task.width, cfg.phase.budget) == (13, 64, 3000)
    scaled = ["task.width=64", "task.hidden=256", "phase.budget=3000", "trainer.precision=32-true"]
    assert cfg.hydra.overrides.task == [*scaled, words[0], words[2]]


def test_the_scale_of_the_paper_changes_nothing(sweep_loader):
    words = ["experiment=omnigrok/fig9", "hydra.sweeper.scale=paper"]
    cfg = sweep_loader.load_configuration("config", words, RunMode.MULTIRUN)
    assert (cfg.hydra.sweeper.grid, cfg.task.p, cfg.phase.budget) == (11, 113, 15000)


def test_a_scale_that_a_file_chooses(sweep_loader, tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\n"
        "hydra:\n  sweeper:\n    scale: small\n    scales:\n      small: phase.budget=7\n"
    )
    words = [f"hydra.searchpath=[{tmp_path}]", "experiment=mine"]
    cfg = sweep_loader.load_configuration("config", words, RunMode.MULTIRUN)
    assert cfg.phase.budget == 7
    words.append("hydra.sweeper.scale=paper")
    cfg = sweep_loader.load_configuration("config", words, RunMode.MULTIRUN)
    assert cfg.phase.budget == 100_000


@pytest.mark.parametrize(
    ("experiment", "scale"), [("omnigrok/fig5", "smoke"), ("omnigrok/fig4", "quick")]
)
def test_a_job_of_a_scale_that_sweeps(sweep_loader, experiment, scale):
    """The scale's sweep is the whole sweep's: a job has its own value of it."""
    words = [f"experiment={experiment}", f"hydra.sweeper.scale={scale}", "task.size=30"]
    master = sweep_loader.load_configuration("config", words[:2], RunMode.MULTIRUN)
    job = sweep_loader.load_sweep_config(master, [words[0], words[2]])
    assert job.task.size == 30
    assert job.phase.budget == master.phase.budget < 1000


@pytest.mark.parametrize(
    "word",
    [
        "hydra.launcher.partition=gpu",
        "hydra.launcher.wait=false",
        "hydra.launcher.allocations=2",
        "+hydra.launcher.additional.nice=100",
    ],
)
def test_what_a_cluster_is_told_without_one(sweep_loader, word):
    words = ["opt.lr_dec=1,2", "hydra/launcher=stacked", word]
    with pytest.raises(ConfigError, match=rf"{re.escape(word)}: is for clusters; add hydra.launch"):
        sweep_loader.load_configuration("config", words, RunMode.MULTIRUN)
    sweep_loader.load_configuration(
        "config", [*words, "hydra.launcher.cluster=slurm"], RunMode.MULTIRUN
    )
    sweep_loader.begun = True
    sweep_loader.load_configuration("config", words, RunMode.MULTIRUN)


@pytest.mark.parametrize(
    "words", [["experiment=re_tug/fig5"], ["opt.lr_dec=1,2"], ["opt.lr_dec=1,2", "seed.model=3"]]
)
def test_a_grid_that_nothing_has(sweep_loader, words):
    with pytest.raises(ConfigError, match=r"hydra.sweeper.grid=3: nothing here has so many values"):
        sweep_loader.load_configuration(
            "config", [*words, "hydra.sweeper.grid=3"], RunMode.MULTIRUN
        )


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (["hydra.sweeper.scale=quick"], "paper, or add an experiment, which has more"),
        (["experiment=re_tug/fig2", "hydra.sweeper.scale=tiny"], "paper, smoke, quick"),
    ],
)
def test_a_scale_that_there_is_not(sweep_loader, words, known):
    with pytest.raises(ConfigError, match=f"{words[-1]}: no such scale here; choose from {known}$"):
        sweep_loader.load_configuration("config", words, RunMode.MULTIRUN)


@pytest.mark.parametrize("group", ["", "task", "experiment", "hydra/launcher", "nothing"])
def test_options_are_those_that_hydra_finds(group, sweep_loader):
    for kind in (ObjectType.CONFIG, ObjectType.GROUP, None):
        found = sweep_loader.get_group_options(group, kind)
        assert found == ConfigLoaderImpl.get_group_options(sweep_loader, group, kind)
