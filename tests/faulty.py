"""A task and a callback that fail for certain data seeds, each at another place."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from grok.callbacks import MemberCallback
from grok.tasks import Data
from grok.tasks.toy import ToyAddition

DRAWS, STEP, CALLBACK, RECORD, CHECKPOINT = range(2, 7)
"""Data seeds; the last fails for a foreign checkpoint that a test leaves in its folder."""
MESSAGES = {
    DRAWS: "no such data",
    STEP: "out of bounds",
    CALLBACK: "can't look at this",
    RECORD: "not JSON serializable",
    CHECKPOINT: "delete it to start again",
}


@dataclass(frozen=True)
class FaultyAddition(ToyAddition):
    """Addition whose data can't be had, or have a label that is no class."""

    objective: str = "classification"

    def data(self, seed: int) -> Data:
        if seed == DRAWS:
            raise LookupError("no such data")
        data = super().data(seed)
        if seed == STEP:
            data.train["labels"][3] = self.classes
        return data


class Faulty(MemberCallback):
    """Fails in the middle of a run, or leaves something in the record that JSON can't hold."""

    def observe(self, member: Any, rows: Any, trainer: Any) -> None:
        if member.seed.data == CALLBACK and rows.first_step > 100:
            raise ArithmeticError("can't look at this")

    def finish(self, member: Any, record: Any) -> None:
        if member.seed.data == RECORD:
            record.overrides = {"opt.lr_dec": object()}


def leave_foreign_checkpoint(folder: Any, config: Any) -> None:
    """A checkpoint of the same configuration and another network."""
    from grok.callbacks.checkpoints import VERSION, save

    folder.mkdir(parents=True, exist_ok=True)
    saved = {"version": VERSION, "config": config, "state": {"params": {"w": torch.ones(2)}}}
    save(saved | {"done": 50}, folder / "checkpoint.pt")


def without(record: Any, *names: str) -> Any:
    """A record with some fields emptied."""
    return replace(record, **dict.fromkeys(names))
