"""The places of a stack, and what the member in each did in the newest steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grok.engine.member import Member
from grok.engine.observer import Taken

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass
class Rows:
    """What one member did in one ``training_step``.

    Attributes:
        first_step: number of the optimizer step of row 0, from 1.
        metrics: name to values, shape (rows,); see `grok.engine.step.METRICS`. Of minibatches,
            train loss and accuracy are of the epoch so far. Where accuracies aren't measured at
            every step, they and the validation loss are nan between.
        initial_norm: weight norm before the member's first step.
        taken: what measures gave in these rows; with the first ones, that of step 0 as well.
        held_norm: norm of the groups that are held at it, None where none are.
        t_train, t_val: as known at the end of these rows; filled in by phase detection.
        stop_reason: why the member ended with the last row; None while it goes on.
    """

    first_step: int
    metrics: dict[str, Array]
    initial_norm: float
    taken: list[Taken] = field(default_factory=list)
    held_norm: float | None = None
    t_train: int | None = None
    t_val: int | None = None
    stop_reason: str | None = None

    def __len__(self) -> int:
        return len(self.metrics["train_loss"])

    @property
    def steps(self) -> Array:
        """Step number of each row, shape (rows,)."""
        return self.first_step + np.arange(len(self))

    @property
    def evaluated(self) -> Array:
        """Rows with accuracies, boolean of shape (rows,)."""
        return ~np.isnan(self.metrics["val_accuracy"])

    def cut(self, rows: int) -> None:
        """Forget everything after the first `rows` rows."""
        self.metrics = {name: values[:rows] for name, values in self.metrics.items()}
        self.taken = [each for each in self.taken if each.step < self.first_step + rows]


@dataclass
class Slot:
    """A place in the stack and the member in it; None once nobody waits for it."""

    member: Member | None
    initial_norm: float = 0.0
    initially: list[Taken] = field(default_factory=list)
    rows: Rows | None = None
