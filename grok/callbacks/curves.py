"""Losses, accuracies and weight norm over training, at logarithmically spaced steps."""

from __future__ import annotations

import csv

import numpy as np
from lightning import Trainer

from grok.callbacks.member import MemberCallback
from grok.engine import Member, Rows
from grok.engine.module import Array
from grok.files import atomic_path
from grok.measures import log_spaced
from grok.results import CURVE_COLUMNS, CURVES, STEP_COLUMNS, Record


class Curves(MemberCallback):
    """Leaves ``curves.csv``, and feeds the trainer's loggers if there are any.

    Args:
        points: rows in the file at most, not counting the member's last step.
    """

    def __init__(self, points: int = 200) -> None:
        super().__init__()
        self.points = points

    def observe(self, member: Member, rows: Rows, trainer: Trainer) -> None:
        """Keep the rows that are due, and the member's last one."""
        kept = self.memory.setdefault(member.folder, [])
        due = self._due(rows, member.phase.budget, kept[-1][0] if kept else 0)
        due[-1] |= rows.stop_reason is not None
        for i in np.flatnonzero(due):
            step = int(rows.steps[i])
            values = {name: float(rows.metrics[name][i]) for name in STEP_COLUMNS}
            kept.append([step, *values.values()])
            for logger in trainer.loggers:
                logger.log_metrics(values, step)

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
