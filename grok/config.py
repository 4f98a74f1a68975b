"""The schema of a run's configuration: types, ranges, and one line for each mistake.

`Config` is what ``conf/config.yaml`` is checked against while Hydra composes it; `problems`
checks the ranges that types can't express. The values themselves are in ``conf/``.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.utils import get_class
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from grok.errors import ConfigError
from grok.results import flat

CONF = Path(__file__).parent.parent / "conf"
PRECISIONS = ("32-true", "64-true")
MOST_STEPS = 10**12
ACCELERATORS = ("cpu", "gpu", "auto")


@dataclass
class Opt:
    """AdamW, with a learning rate and a weight decay for each parameter group.

    Attributes:
        lr_enc, lr_dec: learning rate of the encoder and the decoder, at least 0.
        wd_enc, wd_dec: decoupled weight decay of each, at least 0.
        betas: decay rates of the two moments, in [0, 1).
        eps: added to the root of the second moment, at least 0.
    """

    lr_enc: float = MISSING
    lr_dec: float = MISSING
    wd_enc: float = MISSING
    wd_dec: float = MISSING
    betas: list[float] = MISSING
    eps: float = MISSING

    def problems(self) -> Iterable[str]:
        """A line for each value out of range."""
        for key in ("lr_enc", "lr_dec", "wd_enc", "wd_dec", "eps"):
            value = getattr(self, key)
            if not (math.isfinite(value) and value >= 0):
                yield f"opt.{key}={value}: must be a number of at least 0"
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            yield f"opt.betas={self.betas}: must be two numbers in [0, 1), such as [0.9,0.999]"


@dataclass
class PhaseRule:
    """When accuracy counts as reached, and how a run is classified (Re-TUG, Table 1).

    Attributes:
        threshold: accuracy to reach, in (0, 1].
        tolerance: subtracted from the threshold; below 0 the accuracy must exceed it.
        budget: maximum number of optimizer steps.
        grokking_gap: steps from T_train to T_val from which generalisation counts as delayed.
        early_stop: end a run once both thresholds have been reached.
    """

    threshold: float = MISSING
    tolerance: float = MISSING
    budget: int = MISSING
    grokking_gap: int = MISSING
    early_stop: bool = MISSING

    def problems(self) -> Iterable[str]:
        """A line for each value out of range."""
        if not 0 < self.threshold <= 1:
            yield f"phase.threshold={self.threshold}: must be over 0 and at most 1, such as 0.9"
        elif not abs(self.tolerance) < self.threshold:
            yield f"phase.tolerance={self.tolerance}: must be smaller than phase.threshold"
        if not 1 <= self.budget <= MOST_STEPS:
            yield f"phase.budget={self.budget}: must be at least 1 optimizer step, at most 1e12"
        if self.grokking_gap < 0:
            yield f"phase.grokking_gap={self.grokking_gap}: must be at least 0 steps"


@dataclass
class Seed:
    """Where a member's draws come from: its data (and split) and its initial weights."""

    data: int = MISSING
    model: int = MISSING

    def problems(self) -> Iterable[str]:
        """A line for each seed the generators can't take."""
        for key, value in dataclasses.asdict(self).items():
            if not 0 <= value < 2**32:
                yield f"seed.{key}={value}: must be from 0 to 2**32 - 1"


@dataclass
class Engine:
    """How the arithmetic runs; it changes a result by rounding at most.

    Attributes:
        compile: compile the training step (seconds at first, then 2 to 3 times the speed).
        steps_per_call: optimizer steps in one Lightning ``training_step``.
        threads: CPU threads of this process.
    """

    compile: bool = MISSING
    steps_per_call: int = MISSING
    threads: int = MISSING

    def problems(self) -> Iterable[str]:
        """A line for each value out of range."""
        if not 1 <= self.steps_per_call <= 10**6:
            yield f"engine.steps_per_call={self.steps_per_call}: must be at least 1, at most 1e6"
        cores = os.cpu_count() or 1
        if not 1 <= self.threads <= cores:
            yield f"engine.threads={self.threads}: must be at least 1, at most {cores} here"


@dataclass
class Trainer:
    """Where Lightning's trainer trains.

    Attributes:
        accelerator: ``cpu``, ``gpu`` or ``auto``, which is a GPU if there is one.
        precision: ``32-true`` or ``64-true``.
    """

    accelerator: str = MISSING
    precision: str = MISSING

    def problems(self) -> Iterable[str]:
        """A line for each value that isn't a choice."""
        for key, choices in (("accelerator", ACCELERATORS), ("precision", PRECISIONS)):
            if getattr(self, key) not in choices:
                yield f"trainer.{key}={getattr(self, key)}: must be one of {', '.join(choices)}"


@dataclass
class Norm:
    """The weight norm as a constraint (Omnigrok, section 2).

    Attributes:
        constrain: rescale the parameters to their initial L2 norm after every optimizer step.
        groups: ``encoder``, ``decoder`` or both: of which parameters, together.
    """

    constrain: bool = MISSING
    groups: list[str] = MISSING

    def problems(self) -> Iterable[str]:
        """A line if the groups aren't any."""
        if not self.groups or not set(self.groups) <= {"encoder", "decoder"}:
            yield f"norm.groups={self.groups}: must be [encoder], [decoder] or [encoder,decoder]"


@dataclass
class DataFolder:
    """Where datasets are.

    Attributes:
        dir: folder where they are looked for, and fetched to.
    """

    dir: str = MISSING


@dataclass
class Config:
    """One run. The open parts (task, callbacks, logger) are named by ``_target_``."""

    task: dict[str, Any] = MISSING
    data: DataFolder = field(default_factory=DataFolder)
    opt: Opt = field(default_factory=Opt)
    norm: Norm = field(default_factory=Norm)
    phase: PhaseRule = field(default_factory=PhaseRule)
    seed: Seed = field(default_factory=Seed)
    engine: Engine = field(default_factory=Engine)
    trainer: Trainer = field(default_factory=Trainer)
    callbacks: dict[str, Any] | None = None
    logger: dict[str, Any] | None = None


def register() -> None:
    """Make the schema, and the resolvers of the sweeps' axes, known to Hydra."""
    ConfigStore.instance().store(name="schema", node=Config)
    OmegaConf.register_new_resolver("logspace", _logspace, replace=True)
    OmegaConf.register_new_resolver("linspace", _linspace, replace=True)


def compose(*overrides: str, return_hydra_config: bool = False) -> DictConfig:
    """The configuration that ``train.py`` would train with these overrides, for use in Python."""
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return hydra_compose("config", list(overrides), return_hydra_config)


def _linspace(start: float, stop: float, values: int) -> str:
    """``${linspace:0,10,21}``: evenly spaced values as a Hydra sweep, ends included."""
    if values < 1:
        raise ConfigError(f"hydra.sweeper.grid={values}: must be at least 1 value on each axis")
    return ",".join(repr(float(value)) for value in np.linspace(start, stop, values))


def _logspace(start: float, stop: float, values: int) -> str:
    """``${logspace:-5,-2,21}``: values from 10^start to 10^stop as a Hydra sweep."""
    # Python's power, for numpy's may miss a round value such as 1e-5 by one bit.
    exponents = _linspace(start, stop, values).split(",")
    return ",".join(repr(10.0 ** float(exponent)) for exponent in exponents)


def problems(cfg: DictConfig, judged: dict[str, list[str]] | None = None) -> list[str]:
    """A line for each mistake in a composed configuration: key, value and fix.

    Imports the task's module, so that the task can judge its own keys.

    Args:
        judged: mistakes by task, kept here over the jobs of a sweep, which mostly share theirs.
    """
    found: list[str] = []
    found += _unknown_keys("", cfg, Config)
    found += _unknown_keys("data.", cfg.data, DataFolder)
    for name in ("opt", "norm", "phase", "seed", "engine", "trainer"):
        section: Any = OmegaConf.to_object(cfg[name])
        found += _unknown_keys(f"{name}.", cfg[name], type(section))
        found += section.problems()
    found += _part_problems("callbacks", cfg.callbacks) + _part_problems("logger", cfg.logger)
    if found:
        return found  # before PyTorch has to be imported
    judged = {} if judged is None else judged
    task = OmegaConf.to_yaml(cfg.task, resolve=True)
    if task not in judged:
        judged[task] = _task_problems(cfg.task)
    return judged[task] + _gpu_problems(cfg.trainer)


def _unknown_keys(prefix: str, section: DictConfig, schema: type) -> Iterable[str]:
    """Keys that were added with ``+`` and that nothing would read."""
    known = [field.name for field in dataclasses.fields(schema)]
    for key in map(str, section):
        if key not in known and key != "hydra":
            yield f"{prefix}{key}={section[key]}: no such key{nearest(key, known)}"


def _part_problems(section: str, parts: DictConfig | None) -> list[str]:
    """Mistakes in a section whose entries are objects named by ``_target_``."""
    found = []
    for name, part in parts.items_ex(resolve=False) if parts else ():
        where = f"{section}.{name!s}"
        if not OmegaConf.is_dict(part) or not part.get("_target_"):
            found.append(f"{where}={part}: must be a mapping with a _target_, a class")
            continue
        for key, least in (("points", 2), ("every", 1), ("seconds", 0)):
            value = part.get(key, least)
            if not isinstance(value, int) or value < least:
                found.append(f"{where}.{key}={value}: must be a whole number of at least {least}")
    return found


def _gpu_problems(trainer: DictConfig) -> list[str]:
    if trainer.accelerator != "gpu":
        return []
    import torch

    found = torch.cuda.is_available()
    return [] if found else ["trainer=gpu: no GPU found here; choose trainer=cpu or trainer=auto"]


def _task_problems(task: DictConfig) -> list[str]:
    """Mistakes in the task's own keys, by the types and the checks of its class."""
    try:
        schema = get_class(task._target_)
    except Exception as error:  # whatever importing somebody's module may raise
        return [f"task._target_={task._target_}: can't be imported ({first_line(error)})"]
    if not dataclasses.is_dataclass(schema) or not hasattr(schema, "problems"):
        return [f"task._target_={task._target_}: is no task; see grok/tasks/task.py"]
    settings = {key: value for key, value in task.items() if key != "_target_"}
    unknown = list(_unknown_keys("task.", OmegaConf.create(settings), schema))
    if unknown:
        return unknown
    try:
        typed = OmegaConf.merge(OmegaConf.structured(schema), settings)
        checked: Any = OmegaConf.to_object(typed)
        return list(checked.problems())
    except OmegaConfBaseException as error:
        key = str(error.full_key)
        return [f"task.{key}={settings.get(key)}: {expected(error)}"]


def first_line(error: BaseException) -> str:
    """The part of a library's message that says what is wrong."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def expected(error: BaseException) -> str:
    """What a value should have been, from OmegaConf's message about its type."""
    line = first_line(error)
    for sign, words in (
        ("to Float", "must be a number, such as 1e-3"),
        ("to Integer", "must be a whole number in plain digits, such as 100000"),
        ("valid bool", "must be true or false"),
    ):
        if sign in line:
            return words
    return line


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """The first key in which two configurations differ, in a line; None where they are equal."""
    old, new = flat(before), flat(now)
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            return f"{key}={new.get(key)}: was {old.get(key)} before"
    return None


def nearest(key: str, valid: Iterable[str]) -> str:
    """``"; did you mean X?"`` for the valid key closest to `key`, or nothing."""
    matches = difflib.get_close_matches(key, list(valid), n=1, cutoff=0.5)
    return f"; did you mean {matches[0]}?" if matches else ""
