"""Finds T_train and T_val to the step, and with them the end of each member."""

from __future__ import annotations

import numpy as np
from lightning import Trainer

from grok.callbacks.member import MemberCallback
from grok.engine import Member, Rows


class PhaseDetection(MemberCallback):
    """Ends a member at its budget, when both thresholds are reached, or when it diverges.

    Cuts its rows there, so that no later callback sees a step too many.
    """

    def observe(self, member: Member, rows: Rows, trainer: Trainer) -> None:
        """Update T_train and T_val and decide whether the member ends in these rows."""
        times = self.memory.setdefault(member.folder, {"t_train": None, "t_val": None})
        rule = member.phase
        self._end(rows, rule.budget, "budget")
        broken = first_true(~np.isfinite(rows.metrics["train_loss"] + rows.metrics["weight_norm"]))
        if broken is not None:
            self._end(rows, rows.first_step + broken, "diverged")
        level = rule.threshold - rule.tolerance
        sound = np.arange(len(rows)) != broken
        t_train = times["t_train"] or _reached(rows, "train_accuracy", level, sound)
        t_val = times["t_val"] or _reached(rows, "val_accuracy", level, sound)
        if rule.early_stop and t_train and t_val:
            self._end(rows, max(t_train, t_val), "early_stop")
        rows.t_train, rows.t_val = times["t_train"], times["t_val"] = t_train, t_val

    @staticmethod
    def _end(rows: Rows, step: int, reason: str) -> None:
        """End the member with `step`, unless it goes beyond these rows."""
        length = step - rows.first_step + 1
        if length <= len(rows):
            rows.cut(length)
            rows.stop_reason = reason


def _reached(rows: Rows, metric: str, level: float, sound: np.ndarray) -> int | None:
    """The first step of `rows` with `metric` at `level`, leaving out rows that are not sound."""
    row = first_true((rows.metrics[metric] >= level) & sound)
    return None if row is None else rows.first_step + row


def first_true(flags: np.ndarray) -> int | None:
    """Index of the first true element of a vector, None if there is none."""
    return int(flags.argmax()) if flags.any() else None
