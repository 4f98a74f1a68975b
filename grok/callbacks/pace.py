"""Tells how many steps have been taken, to whoever watches a sweep or a single run."""

from __future__ import annotations

import time
from typing import Any, Protocol

from lightning import Callback, LightningModule, Trainer

from grok.callbacks.member import MemberCallback
from grok.engine import Member, Rows, StackModule
from grok.printable import show

EVERY = 15.0
"""Seconds from one line about a single run to the next."""


class Listener(Protocol):
    """Whom it is told."""

    def compiling(self) -> None:
        """A step is being compiled, until steps are taken."""

    def taken(self, steps: int) -> None:
        """Members have taken so many more steps, together."""


class Told(Callback):
    """Tells a listener that a step is compiled, and how training goes on."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Before the first step, for which it is compiled, unless it isn't."""
        assert isinstance(module, StackModule)
        if module.slots and module.stack.compiled:
            self._listener.compiling()

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """The newest rows of all members."""
        assert isinstance(module, StackModule)
        self._listener.taken(sum(len(slot.rows) for slot in module.slots if slot.rows is not None))


class Shown(MemberCallback):
    """Prints how far a single run is, a line now and then."""

    def __init__(self) -> None:
        super().__init__()
        self._said = time.monotonic()

    def observe(self, member: Member, rows: Rows, trainer: Trainer) -> None:
        """Say it, if nothing has been said for a while."""
        if time.monotonic() > self._said + EVERY:
            self._said = time.monotonic()
            show(f"step {rows.steps[-1]:,} of {member.phase.budget:,}")
