"""A sweep as the analysis knows it, and the columns of its table."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from grok.record.meaning import EARLIER_ROLES
from grok.record.names import STEP_COLUMNS
from grok.record.record import Record, finished

TIMES = ("t_train", "t_val")
OUTCOME = (*TIMES, "budget", "phase", "steps", "stop_reason", "diverged")
COMPARED = ("phase", *TIMES, "budget", "diverged", "steps")
"""What of an outcome a published grid tells as well."""
STEPS = (*TIMES, "budget", "steps")
"""What is counted in optimizer steps."""
FINAL = tuple(STEP_COLUMNS)
BEST = tuple(f"best_{name}" for name, better in STEP_COLUMNS.items() if better is not None)
NORMS = {"initial_norm": "initial", "norm_at_t_train": "t_train", "norm_at_t_val": "t_val"}
VARIES = "varies"
IMPLIED = "implied"
"""The column, of refined sweeps only, that says whether a cell wasn't trained."""


@dataclass(frozen=True)
class Measured:
    """What was measured of the members along the way, as the table's columns.

    Attributes:
        name: in the records, and in the file of the curves or of the measures.
        better: ``higher`` or ``lower``; None where neither is, or where the records don't agree.
        final: the column of the last values.
        best: the column of the best values, None where neither way is better.
    """

    name: str
    better: str | None
    final: str
    best: str | None

    @property
    def of_every_step(self) -> bool:
        """Whether it is one of those that every member records at every step."""
        return self.name in FINAL


@dataclass(frozen=True)
class Sweep:
    """What a sweep's folder holds.

    Attributes:
        folder: the sweep's folder, or a solo run's.
        keys: the swept keys, as the columns of `planned` and `table` are called.
        planned: one row a job, finished or not: ``job`` and the swept keys.
        table: one row a finished member, see `load`.
        gaps: the distinct grokking gaps of the finished members, in steps.
        constrained: whether all finished members were held at their initial weight norm.
        constants: what all finished members have in common: ``task``, and by full key the settings
            of their composed configurations, numbers or texts. ``varies`` is what isn't the same
            without being swept, such as a setting that follows another.
        timed: whether T_train and T_val are known, as they aren't in some published grids.
        held: the parameter groups that were held at their norm, where all were the same.
        roles: what keys of the optimizer and the task mean, see `grok.record.meaning`.
        measured: what any finished member was measured by: losses, accuracies and weight norm,
            then the configured measures.
        implied: rows like those of `table`, with a phase and no numbers, of the cells of a refined
            sweep that needn't be trained, see `grok.sweeps.refine`; None where it isn't refined.
        records: those of the finished members, by job.
        common: the configuration of the first job, empty where no record tells it.
        cut: the step after which phases are told, where that isn't the runs' own budget.
        damaged: a line for each file that was found damaged so far, by its path. The member of a
            damaged record is missing, that of another file is drawn without.
    """

    folder: Path
    keys: list[str]
    planned: pd.DataFrame
    table: pd.DataFrame
    gaps: list[int]
    constrained: bool
    records: dict[int, Record]
    common: dict[str, Any]
    constants: dict[str, Any] = field(default_factory=dict)
    timed: bool = True
    held: list[str] = field(default_factory=list)
    roles: dict[str, str] = field(default_factory=lambda: dict(EARLIER_ROLES))
    measured: list[Measured] = field(default_factory=list)
    implied: pd.DataFrame | None = None
    cut: int | None = None
    damaged: dict[Path, str] = field(default_factory=dict)

    @functools.cached_property
    def known(self) -> pd.DataFrame:
        """One row a cell of known phase, in job order; ``implied`` says which weren't trained.

        Without that column and the same as `table` where the sweep isn't refined. Rows have the
        same index in both.
        """
        if self.implied is None:
            return self.table
        rows = pd.concat([self.table, self.implied])
        after = list(rows.columns).index("phase")
        rows.insert(after + 1, IMPLIED, rows["job"].isin(self.implied["job"]))
        return rows.sort_values("job")

    @property
    def has_implied(self) -> bool:
        """Whether any cell is implied."""
        return self.implied is not None and not self.implied.empty

    @property
    def missing(self) -> int:
        """How many planned jobs have no record and no implied phase."""
        return len(self.planned) - len(self.known)

    def member_folder(self, job: int) -> Path:
        """Where `job` leaves its files: its numbered folder, or the folder of a solo run."""
        return self.folder if finished(self.folder) else self.folder / str(job)
