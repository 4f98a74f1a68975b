"""The schema of a run's configuration: types, ranges, and one line for each mistake.

`Config` is what ``conf/config.yaml`` is checked against while Hydra composes it; `problems`
checks the ranges that types can't express. The values themselves are in ``conf/``. Plain
dataclasses: nothing here needs Hydra or OmegaConf.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

MISSING: Any = "???"
"""A value that the configuration has to give, as OmegaConf writes it."""
PRECISIONS = ("32-true", "64-true")
MOST_STEPS = 10**12
ACCELERATORS = ("cpu", "gpu", "auto")
MOMENTS = ("initial", "t_train", "t_val", "final")


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
        elif self.threshold - self.tolerance > 1:
            yield (
                f"phase.threshold={self.threshold}: no accuracy can exceed it, as phase.tolerance="
                f"{self.tolerance} asks; take less, or phase.tolerance=0"
            )
        if not 1 <= self.budget <= MOST_STEPS:
            yield f"phase.budget={self.budget}: must be at least 1 optimizer step, at most 1e12"
        if self.grokking_gap < 0:
            yield f"phase.grokking_gap={self.grokking_gap}: must be at least 0 steps"


@dataclass
class Seed:
    """Where a member's draws come from.

    Attributes:
        data: seed of the data and its split.
        model: seed of the initial weights and the order of minibatches.
        perturb: seed of a relative noise of 1e-7 on the initial weights; 0 for none. Repeats over
            it tell how far rounding decides a cell.
    """

    data: int = MISSING
    model: int = MISSING
    perturb: int = 0

    def problems(self) -> Iterable[str]:
        """A line for each seed the generators can't take."""
        for key, value in dataclasses.asdict(self).items():
            if not 0 <= value < 2**32:
                yield f"seed.{key}={value}: must be from 0 to 2**32 - 1"


@dataclass
class Engine:
    """How the arithmetic runs; it changes a result by rounding at most.

    Attributes:
        compile: compile the training step (seconds at first, then several times the speed).
        plain: train each member alone as a plain PyTorch loop does, eagerly and to the same bit.
        steps_per_call: optimizer steps in one Lightning ``training_step``; None to leave it to the
            device.
        threads: CPU threads of this process.
    """

    compile: bool = MISSING
    plain: bool = MISSING
    steps_per_call: int | None = MISSING
    threads: int = MISSING

    def problems(self) -> Iterable[str]:
        """A line for each value out of range."""
        if self.steps_per_call is not None and not 1 <= self.steps_per_call <= 10**6:
            yield f"engine.steps_per_call={self.steps_per_call}: must be at least 1, at most 1e6"
        if self.threads < 1:
            yield f"engine.threads={self.threads}: must be at least 1"


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
class Weights:
    """Which weights are kept in a member's folder, for `grok.load_member`.

    Attributes:
        moments: of ``initial``, ``t_train``, ``t_val`` and ``final``.
        every: also after every so many optimizer steps, the initial ones included; None for none.
    """

    moments: list[str] = field(default_factory=list)
    every: int | None = None

    def problems(self) -> Iterable[str]:
        """A line for each value out of range."""
        if not set(self.moments) <= set(MOMENTS):
            yield f"weights.moments={self.moments}: must be some of {', '.join(MOMENTS)}"
        if self.every is not None and self.every < 1:
            yield f"weights.every={self.every}: must be at least 1 optimizer step, or null"


@dataclass
class Config:
    """One run. The open parts (task, opt, measures, ...) are named by ``_target_``."""

    task: dict[str, Any] = MISSING
    data: DataFolder = field(default_factory=DataFolder)
    opt: dict[str, Any] = MISSING
    norm: Norm = field(default_factory=Norm)
    phase: PhaseRule = field(default_factory=PhaseRule)
    seed: Seed = field(default_factory=Seed)
    engine: Engine = field(default_factory=Engine)
    trainer: Trainer = field(default_factory=Trainer)
    measures: dict[str, Any] = field(default_factory=dict)
    weights: Weights = field(default_factory=Weights)
    callbacks: dict[str, Any] | None = None
    logger: dict[str, Any] | None = None
