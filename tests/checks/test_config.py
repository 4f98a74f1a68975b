"""Every shipped configuration composes, and what is out of range is named."""

import dataclasses

import numpy as np
import pytest
import torch
from hydra.utils import get_class, instantiate
from lightning.pytorch.loggers import Logger
from omegaconf import OmegaConf

from grok.checks.config import problems
from grok.checks.wording import nearest
from grok.composing import CONF, compose
from grok.record.difference import flat
from grok.tasks import samples


def options(group):
    folder = CONF / group
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.yaml"))


GROUPS = (
    "data",
    "norm",
    "task",
    "opt",
    "phase",
    "seed",
    "engine",
    "trainer",
    "weights",
    "callbacks",
    "logger",
)
OF_TASKS = dict.fromkeys(("fourier", "fourier_losses"), " task=modular")
AT_HAND = {"grok.tasks.imdb.IMDb": ["task.size=60"]}
"""Of tasks whose data is here in part only."""


@pytest.mark.parametrize(
    "override",
    [f"{group}={option}" for group in GROUPS for option in options(group)]
    + [f"measures=[{option}]{OF_TASKS.get(option, '')}" for option in options("measures")]
    + [f"experiment={option}" for option in options("experiment")],
)
def test_every_config_composes_and_instantiates(override):
    cfg = compose(*override.split())
    cfg = compose(*override.split(), *AT_HAND.get(cfg.task._target_, []))
    no_gpu = ["trainer=gpu: no GPU found here; choose trainer=cpu or trainer=auto"]
    allowed = no_gpu if cfg.trainer.accelerator == "gpu" and not torch.cuda.is_available() else []
    assert problems(cfg) == allowed
    assert dataclasses.is_dataclass(instantiate(cfg.opt, _convert_="all"))
    task = instantiate(cfg.task)
    assert samples(task.data(cfg.seed.data).train) == task.train_samples()
    instantiate(cfg.callbacks)
    instantiate(cfg.measures)
    for logger in (cfg.logger or {}).values():
        assert issubclass(get_class(logger._target_), Logger)


def test_no_group_is_left_out_of_the_test_above():
    assert {path.name for path in CONF.iterdir() if path.is_dir()} == {
        *GROUPS,
        "measures",
        "experiment",
        "hydra",
    }


def test_every_experiment_names_its_own_command():
    for option in options("experiment"):
        head = (CONF / "experiment" / f"{option}.yaml").read_text().splitlines()
        assert head[0] == "# @package _global_"
        assert f"#   python train.py -m experiment={option}" in head


@pytest.mark.parametrize(
    ("experiment", "jobs", "budget", "objective"),
    [
        ("fig1_classification", 441, 100_000, "classification"),
        ("fig1_regression", 441, 100_000, "regression"),
        ("fig3", 441, 300_000, "classification"),
        ("fig4", 441, 300_000, "regression"),
        ("fig7", 441 * 9, 100_000, "classification"),
        ("fig8", 441 * 9, 100_000, "regression"),
        ("fig9", 441 * 3, 100_000, "classification"),
        ("fig10", 441 * 3, 100_000, "regression"),
        ("fig11", 4, 100_000, "regression"),
        ("fig12", 4, 100_000, "regression"),
    ],
)
def test_experiments_are_at_paper_scale(experiment, jobs, budget, objective):
    cfg = compose(f"experiment=re_tug/{experiment}", return_hydra_config=True)
    params = cfg.hydra.sweeper.params
    sizes = [len(values.split(",")) for values in params.values()]
    assert np.prod(sizes) == jobs
    assert cfg.phase.budget == budget
    assert cfg.task.objective == objective
    rates = [float(value) for value in params["opt.lr_dec"].split(",")]
    if len(rates) > 2:
        np.testing.assert_allclose(rates, np.logspace(-5, -2, 21))
        top = 20 if objective == "classification" else 10
        decays = [float(value) for value in params["opt.wd_dec"].split(",")]
        np.testing.assert_allclose(decays, np.linspace(0, top, 21))


@pytest.mark.long
@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("opt.lr_dec=-1", "opt.lr_dec=-1.0: must be a number of at least 0"),
        ("opt.wd_enc=nan", "opt.wd_enc=nan: must be a number of at least 0"),
        ("opt.eps=inf", "opt.eps=inf: must be a number of at least 0"),
        ("opt.lr_dec=abc", "opt.lr_dec=abc: must be a number, such as 1e-3"),
        ("opt.clip=inf", "opt.clip=inf: must be a number over 0, or null for none"),
        ("opt._target_=foo.Bar", "opt._target_=foo.Bar: can't be imported"),
        ("opt._target_=grok.callbacks.Curves", "opt._target_=grok.callbacks.Curves: is no optim"),
        ("opt.betas=[0.9,1.0]", "opt.betas=[0.9, 1.0]: must be two numbers in [0, 1)"),
        ("phase.threshold=0", "phase.threshold=0.0: must be over 0 and at most 1"),
        ("phase.threshold=1.01", "phase.threshold=1.01: must be over 0 and at most 1"),
        ("phase.threshold=1 phase.tolerance=-0.001", "phase.threshold=1.0: no accuracy can exceed"),
        ("task=mnist phase.threshold=1", "phase.threshold=1.0: no accuracy can exceed it, as pha"),
        ("task=mnist phase.budget=4", "phase.budget=4: is over before accuracy is first measured"),
        ("task=qm9 phase.budget=1", "phase.budget=1: is over before accuracy is first measured"),
        ("task=mnist task.depth=20000", "task.depth=20000: must be at most 100"),
        ("task=teacher_student task.depth=20000", "task.depth=20000: must be at most 100"),
        ("phase.threshold=inf", "phase.threshold=inf: must be over 0 and at most 1"),
        ("phase.tolerance=nan", "phase.tolerance=nan: must be smaller than phase.threshold"),
        ("opt.wd_dec=inf", "opt.wd_dec=inf: must be"),
        ("phase.tolerance=0.95", "phase.tolerance=0.95: must be smaller than phase.threshold"),
        ("phase.budget=0", "phase.budget=0: must be at least 1 optimizer step"),
        ("phase.grokking_gap=-1", "phase.grokking_gap=-1: must be at least 0 steps"),
        ("seed.data=-1", "seed.data=-1: must be from 0 to 2**32 - 1"),
        ("seed.perturb=-1", "seed.perturb=-1: must be from 0 to 2**32 - 1"),
        ("engine.threads=0", "engine.threads=0: must be at least 1"),
        ("engine.steps_per_call=0", "engine.steps_per_call=0: must be at least 1"),
        ("trainer.precision=16", "trainer.precision=16: must be one of 32-true, 64-true"),
        ("task.p='7'", "task.p=7: must have no quotes"),
        ("task.p=x", "task.p=x: must be a whole number in plain digits, such as 100000"),
        ("task.p=1", "task.p=1: its 1 pairs can't be split"),
        ("trainer.accelerator=tpu", "trainer.accelerator=tpu: must be one of cpu, gpu, auto"),
        ("phase.budget=99999999999999", "phase.budget=99999999999999: must be at least 1 opt"),
        ("engine.threads=100000", "engine.threads=100000: must be at most"),
        ("task.init_scale=inf", "task.init_scale=inf: must be a number of at least 0"),
        ("task.train_fraction=nan", "task.train_fraction=nan: must be between 0 and 1"),
        ("task.p=100000", "task.p=100000: must be at most 1000"),
        ("task._target_=foo.Bar", "task._target_=foo.Bar: can't be imported"),
        ("task._target_=grok.callbacks.Curves", "task._target_=grok.callbacks.Curves: is no task"),
        ("callbacks.curves=null", "callbacks.curves=None: must be a mapping with a _target_"),
        ("callbacks.curves.points=1", "callbacks.curves.points=1: must be a whole number of at"),
        ("callbacks.curves.points=1000000000", "callbacks.curves.points=1000000000: must be at m"),
        ("+callbacks.curves.x=inf", "callbacks.curves.x=inf: must be finite"),
        (
            "task=teacher_student task.error_threshold=inf",
            "task.error_threshold=inf: must be finite",
        ),
        (
            "task=toy_representation norm.constrain=true norm.groups=[encoder]",
            "norm.groups=[encoder]: no parameter that learns is in there; name the other group",
        ),
        ("+logger.x=1", "logger.x=1: must be a mapping with a _target_"),
        ("+task.activaton=relu", "task.activaton=relu: no such key; did you mean activation?"),
        ("+opt.lr=1", "opt.lr=1: no such key"),
        ("+budget=1", "budget=1: no such key"),
    ],
)
def test_values_out_of_range(override, problem):
    (found,) = problems(compose(*override.split()))
    assert found.startswith(problem)


def test_all_problems_are_reported_together():
    found = problems(compose("opt.lr_dec=-1", "phase.budget=0", "seed.data=-1"))
    assert [line.partition("=")[0] for line in found] == ["opt.lr_dec", "phase.budget", "seed.data"]


def test_the_edges_of_the_ranges_are_allowed():
    edges = ["opt.lr_dec=0", "opt.wd_dec=0", "phase.threshold=1", "phase.budget=1", "task.p=2"]
    assert problems(compose(*edges)) == []


def test_nearest():
    keys = flat(OmegaConf.to_container(compose()))
    assert nearest("opt.lr_dc", keys) == "; did you mean opt.lr_dec?"
    assert nearest("zzz", keys) == ""
    assert nearest("task.pp", keys) == "; did you mean task.p?"
    assert nearest("task.x", keys) == ""
    assert nearest("opt.LR_dec", keys) == "; did you mean opt.lr_dec?"
    assert nearest("opt.lr", keys) == "; did you mean opt.lr_enc?"
    assert nearest("rnu", ["run", "ran"]) == "; did you mean run?"
    assert nearest("ab", ["cd", "a"]) == "; did you mean a?"


def axis(cfg, key):
    return [float(value) for value in cfg.hydra.sweeper.params[key].split(",")]


def test_mnist_experiments_are_at_paper_scale():
    cfg = compose("experiment=re_tug/fig2", return_hydra_config=True)
    np.testing.assert_allclose(axis(cfg, "opt.lr_dec"), np.logspace(-6, 0, 10))
    np.testing.assert_allclose(axis(cfg, "opt.wd_dec"), np.logspace(-5, 1, 10))
    assert (cfg.phase.budget, cfg.trainer.precision) == (100_000, "64-true")
    wide = compose("experiment=re_tug/fig5", return_hydra_config=True)
    rates, decays = axis(wide, "opt.lr_dec"), axis(wide, "opt.wd_dec")
    assert (len(rates), len(decays), wide.phase.budget) == (15, 14, 150_000)
    assert np.log10(rates[:13]) == pytest.approx(-8.889 + 0.8889 * np.arange(13), abs=1e-3)
    assert rates[13:] == pytest.approx([250, 10 ** (8 / 3)])
    assert decays[10:] == [10, 50, 100, 300]
