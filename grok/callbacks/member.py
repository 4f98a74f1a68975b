"""What all callbacks have in common: they look at members, not at stacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer

from grok.engine import Member, Rows, StackModule
from grok.record.record import Record


class MemberCallback(Callback):
    """Sees each member's rows in order, then helps to close its record.

    Attributes:
        memory: by member folder, all that is remembered of a member until it ends: numbers,
            strings and tensors in lists and dictionaries, for it goes into checkpoints.
    """

    def __init__(self) -> None:
        self.memory: dict[Path, Any] = {}

    def observe(self, member: Member, rows: Rows, trainer: Trainer) -> None:
        """Look at a member's newest rows; ``rows.stop_reason`` is set if they are its last."""

    def finish(self, member: Member, record: Record) -> None:
        """The member has ended: add to its record or leave a file in its folder.

        Its memory is forgotten afterwards.
        """

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Show `observe` each occupied slot; where it fails, that member ends."""
        assert isinstance(pl_module, StackModule)
        for i, slot in enumerate(pl_module.slots):
            if slot.member is not None and slot.rows is not None:
                with pl_module.only(i):
                    self.observe(slot.member, slot.rows, trainer)


def member_callbacks(trainer: Trainer) -> list[MemberCallback]:
    """The trainer's callbacks that look at members, in the order that the configuration fixes."""
    every = trainer.callbacks  # type: ignore[attr-defined]
    return [callback for callback in every if isinstance(callback, MemberCallback)]
