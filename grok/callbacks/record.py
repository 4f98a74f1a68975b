"""Writes each member's record when it ends."""

from __future__ import annotations

import math
import platform
import time
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from lightning import LightningModule, Trainer

from grok.callbacks.member import MemberCallback, member_callbacks
from grok.engine import Member, Rows, StackModule
from grok.measures import HIGHER
from grok.phases import classify
from grok.record import provenance
from grok.record.meaning import roles_of
from grok.record.names import STEP_COLUMNS
from grok.record.record import Record, tidy, write_record


class RecordWriter(MemberCallback):
    """Closes a member's folder: asks the other callbacks, then writes ``result.json``.

    Args:
        precision: for the record.
    """

    def __init__(self, precision: str) -> None:
        super().__init__()
        self.precision = precision
        self._revision = provenance.git_revision()  # before anybody goes on with the code
        self._batch_began = self._share = 0.0

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note the time."""
        self._batch_began = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Share the time out among the members."""
        assert isinstance(pl_module, StackModule)
        members = sum(slot.member is not None for slot in pl_module.slots)
        self._share = (time.perf_counter() - self._batch_began) / max(members, 1)
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        seated = {slot.member.folder for slot in pl_module.slots if slot.member is not None}
        for callback in member_callbacks(trainer):  # of members that failed
            for folder in callback.memory.keys() - seated:
                del callback.memory[folder]

    def observe(self, member: Member, rows: Rows, trainer: Trainer) -> None:
        """Count the member's seconds; write its record if these are its last rows."""
        memory = self.memory.setdefault(member.folder, {"seconds": 0.0, "final": {}, "best": {}})
        memory["seconds"] += self._share
        memory["final"] |= latest(rows)
        memory["best"] = best(memory["best"], rows)
        if rows.stop_reason is None:
            return
        record = self._record(member, rows, trainer)
        for callback in member_callbacks(trainer):
            callback.finish(member, record)
            callback.memory.pop(member.folder, None)
        write_record(member.folder, finite(record))
        tidy(member.folder)

    def _record(self, member: Member, rows: Rows, trainer: Trainer) -> Record:
        rule, module = member.phase, trainer.lightning_module
        assert isinstance(module, StackModule)
        return Record(
            task=member.task_name,
            phase=classify(rows.t_train, rows.t_val, rule.budget, rule.grokking_gap),
            t_train=rows.t_train,
            t_val=rows.t_val,
            budget=rule.budget,
            threshold=rule.threshold,
            grokking_gap=rule.grokking_gap,
            steps=int(rows.steps[-1]),
            stop_reason=rows.stop_reason or "",
            diverged=rows.stop_reason == "diverged",
            overrides=member.overrides,
            seeds=asdict(member.seed),
            roles=roles_of(member.opt, member.task),
            decay_per_step=member.opt.decay_per_step(
                {member.task.group(name) for name in module.stack.state.params}
            ),
            final=dict(self.memory[member.folder]["final"]),
            best=dict(self.memory[member.folder]["best"]),
            precision=self.precision,
            device=device_name(module.device),
            compiled=module.stack.compiled,
            wall_seconds=round(self.memory[member.folder]["seconds"], 3),
            host=platform.node(),
            cpu=provenance.cpu(),
            versions=provenance.versions(),
            git_revision=self._revision,
            task_origin=provenance.origin(type(member.task)),
            config=member.config,
        )


def device_name(device: torch.device) -> str:
    """``cpu``, or the name of a GPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def latest(rows: Rows) -> dict[str, float]:
    """The newest value of each metric, of losses and accuracies at the last step with these.

    A train loss that isn't finite counts at once: the member has diverged.
    """
    values = {}
    for name, metric in rows.metrics.items():
        at_once = name == "weight_norm" or (name == "train_loss" and not np.isfinite(metric[-1]))
        known = metric if at_once else metric[rows.evaluated]
        if len(known):
            values[name] = float(known[-1])
    return values


def best(before: dict[str, float], rows: Rows) -> dict[str, float]:
    """The lowest losses and the highest accuracies so far, at steps with accuracies."""
    found = dict(before)
    for name, values in rows.metrics.items():
        measured = values[rows.evaluated & np.isfinite(values)]
        if STEP_COLUMNS[name] is not None and len(measured):
            better = max if STEP_COLUMNS[name] == HIGHER else min
            newest = float(better(measured.min(), measured.max()))
            found[name] = better(found.get(name, newest), newest)
    return found


def finite(record: Record) -> Record:
    """`record` with None for every number that JSON can't hold."""
    for values in (record.final, record.best, record.weight_norm):
        for name, value in values.items():
            values[name] = value if value is not None and math.isfinite(value) else None
    return record
