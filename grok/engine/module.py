"""The LightningModule: a stack in the trainer's hands, with members that come and go."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from lightning import LightningModule

from grok.config import Engine
from grok.engine.member import Member
from grok.engine.stack import Stack

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass
class Rows:
    """What one member did in one ``training_step``.

    Attributes:
        first_step: number of the optimizer step of row 0, from 1.
        metrics: name to values, shape (rows,); see `grok.engine.step.METRICS`.
        watched: parameter name to values, shape (rows, ...).
        initial_norm: weight norm before the member's first step.
        initial: watched parameters before the member's first step.
        t_train, t_val: as known at the end of these rows; filled in by phase detection.
        stop_reason: why the member ended with the last row; None while it goes on.
    """

    first_step: int
    metrics: dict[str, Array]
    watched: dict[str, Array]
    initial_norm: float
    initial: dict[str, Array]
    t_train: int | None = None
    t_val: int | None = None
    stop_reason: str | None = None

    def __len__(self) -> int:
        return len(self.metrics["train_loss"])

    @property
    def steps(self) -> Array:
        """Step number of each row, shape (rows,)."""
        return self.first_step + np.arange(len(self))

    def cut(self, rows: int) -> None:
        """Forget everything after the first `rows` rows."""
        self.metrics = {name: values[:rows] for name, values in self.metrics.items()}
        self.watched = {name: values[:rows] for name, values in self.watched.items()}


@dataclass
class Slot:
    """A place in the stack and the member in it; None once nobody waits for it."""

    member: Member | None
    done: int = 0
    initial_norm: float = 0.0
    initial: dict[str, Array] = field(default_factory=dict)
    rows: Rows | None = None


class StackModule(LightningModule):
    """Trains members in a stack of at most `size` slots.

    A ``training_step`` takes many optimizer steps; `slots` then hold each member's rows for the
    callbacks, of which one sets ``rows.stop_reason``. A slot whose member has ended goes to the
    next waiting one. The trainer stops when no member is left.

    Args:
        members: in the order in which they are to start.
        engine: how the arithmetic runs.
        dtype: of parameters and data.
        size: number of slots; by default one for each member.
        watch: names of parameters whose every value the callbacks want to see.
    """

    def __init__(
        self,
        members: Sequence[Member],
        engine: Engine,
        dtype: torch.dtype = torch.float32,
        size: int | None = None,
        watch: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self._waiting = deque(members)
        self._size = min(size or len(members), len(members))
        self._engine, self._precision, self._watch = engine, dtype, watch
        self.stack: Stack
        self.slots: list[Slot] = []

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """None for Lightning: AdamW is part of the stack's step, per member and per group."""
        return []

    def train_dataloader(self) -> Iterable[int]:
        """An endless count: members hold their data, and end when their phase is known."""
        return itertools.count()

    def on_fit_start(self) -> None:
        """Seat the first members on the trainer's device."""
        first = [self._waiting.popleft() for _ in range(self._size)]
        self.stack = Stack(first, self._precision, self.device, self._engine.compile, self._watch)
        self.slots = [self._seated(slot, member) for slot, member in enumerate(first)]

    def training_step(self, batch: int, batch_idx: int) -> None:
        """Take ``steps_per_call`` optimizer steps and give each slot its rows."""
        steps = self._engine.steps_per_call
        metrics, watched = self.stack.advance(steps)
        for i, slot in enumerate(self.slots):
            slot.rows = None
            if slot.member is None:
                continue
            slot.rows = Rows(
                first_step=slot.done + 1,
                metrics={name: values[:, i].numpy() for name, values in metrics.items()},
                watched={name: values[:, i].numpy() for name, values in watched.items()},
                initial_norm=slot.initial_norm,
                initial=slot.initial,
            )
            slot.done += steps

    def on_train_batch_end(self, outputs: Any, batch: int, batch_idx: int) -> None:
        """Hand on the slots of members that ended; stop when all are empty."""
        for i, slot in enumerate(self.slots):
            if slot.rows is not None and slot.rows.stop_reason is not None:
                self.slots[i] = self._next(i)
        if all(slot.member is None for slot in self.slots):
            self.trainer.should_stop = True

    def _next(self, slot: int) -> Slot:
        if not self._waiting:
            return Slot(member=None)
        member = self._waiting.popleft()
        self.stack.put(slot, member)
        return self._seated(slot, member)

    def _seated(self, slot: int, member: Member) -> Slot:
        watched = self.stack.watched(slot)
        initial = {name: tensor.cpu().numpy() for name, tensor in watched.items()}
        return Slot(member, initial_norm=self.stack.norm(slot), initial=initial)
