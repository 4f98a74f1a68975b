"""Losses, accuracies and weight norm over training, at logarithmically spaced steps."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from lightning import Trainer

from grok.callbacks.member import MemberCallback
from grok.engine import Member, Rows
from grok.engine.slots import Array
from grok.measures import log_spaced
from grok.record.files import atomic_path
from grok.record.names import CURVE_COLUMNS, CURVES, STEP_COLUMNS
from grok.record.record import Record


class Curves(MemberCallback):
    """Leaves ``curves.csv``, and feeds the trainer's loggers if there are any.

    Args:
        points: rows in the file at most, not counting the member's last step.
    """

    def __init__(self, points: int = 200) -> None:
        super().__init__()
        self.points = points
        self._logged: set[Path] = set()

    def observe(self, member: Member, rows: Rows, trainer: Trainer) -> None:
        """Keep the rows that are due, and the member's last one."""
        kept = self.memory.setdefault(member.folder, [])
        if member.folder not in self._logged:  # a run that goes on has rows already
            self._log(kept, trainer)
            self._logged.add(member.folder)
        due = self._due(rows, member.phase.budget, kept[-1][0] if kept else 0)
        due[-1] |= rows.stop_reason is not None
        for i in np.flatnonzero(due):
            step = int(rows.steps[i])
            kept.append([step, *(float(rows.metrics[name][i]) for name in STEP_COLUMNS)])
            self._log(kept[-1:], trainer)

    @staticmethod
    def _log(rows: list[list[float]], trainer: Trainer) -> None:
        for step, *values in rows:
            for logger in trainer.loggers:
                logger.log_metrics(dict(zip(STEP_COLUMNS, values, strict=True)), int(step))

    def _due(self, rows: Rows, budget: int, last: int) -> Array:
        """The row of each spaced step, or where it has no accuracies the next that has."""
        spaced = log_spaced(budget, self.points)
        evaluated = np.flatnonzero(rows.evaluated)
        passed = np.searchsorted(spaced, [last, *rows.steps[evaluated]], "right")
        due = np.zeros(len(rows), dtype=bool)
        due[evaluated[np.diff(passed) > 0]] = True
        return due

    def finish(self, member: Member, record: Record) -> None:
        """Write the file."""
        path = member.folder / CURVES
        with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(CURVE_COLUMNS)
            writer.writerows(
                [step, *(f"{value:.8g}" for value in values)]
                for step, *values in self.memory[member.folder]
            )
