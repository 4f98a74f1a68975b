"""A sweep's records as one tidy table, and what is missing from it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from grok.analysis.read.folder import read_folder
from grok.errors import UserError
from grok.phases import classify
from grok.record.record import STEP_COLUMNS, Plan, Record, finished, flat

TIMES = ("t_train", "t_val")
OUTCOME = (*TIMES, "budget", "phase", "steps", "stop_reason", "diverged")
FINAL = tuple(STEP_COLUMNS)
BEST = tuple(f"best_{name}" for name, better in STEP_COLUMNS.items() if better is not None)
NORMS = {"initial_norm": "initial", "norm_at_t_train": "t_train", "norm_at_t_val": "t_val"}
VARIES = "varies"
_NUMBERS = (*FINAL, *BEST, *NORMS, "decay_per_step", "wall_seconds")
_RESERVED = ("job", *OUTCOME, *_NUMBERS, "folder")
_INTEGERS = ("job", "t_train", "t_val", "budget", "steps")
_TEXTS = ("phase", "stop_reason", "folder")


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
        measured: what any finished member was measured by: losses, accuracies and weight norm,
            then the configured measures.
        records: those of the finished members, by job.
        common: the configuration of the first job, empty where no record tells it.
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
    measured: list[Measured] = field(default_factory=list)
    damaged: dict[Path, str] = field(default_factory=dict)

    @property
    def missing(self) -> int:
        """How many planned jobs have no record."""
        return len(self.planned) - len(self.table)

    def member_folder(self, job: int) -> Path:
        """Where `job` leaves its files: its numbered folder, or the folder of a solo run."""
        return self.folder if finished(self.folder) else self.folder / str(job)


def load(folder: str | Path, budget: int | None = None) -> pd.DataFrame:
    """The tidy table of a sweep (or of a solo run): one row a finished member, in job order.

    Columns: ``job``, every swept key under its full name, ``t_train``, ``t_val``, ``budget`` and
    ``steps`` (optimizer steps from 1, Int64; a threshold never reached is <NA>), ``phase``,
    ``stop_reason``, ``diverged``, the losses, accuracies (0 to 1) and weight norm (L2) at the last
    step, the lowest losses and highest accuracies of all steps (``best_...``), the weight norm at
    the start and at T_train and T_val, ``decay_per_step`` (the share that weight decay takes of
    a weight in a step, NaN where it isn't the same for all), ``wall_seconds`` and ``folder``, the
    member's. Then the last value of each number that the configured measures gave, and as
    ``best_...`` the lowest or highest where one is better; NaN where a member lacks it. A swept key
    named like another column has " (swept)" added, a measured number " (measured)".

    Args:
        folder: of the sweep, finished or not, or of a solo run.
        budget: classify every run as if it had ended after so many steps; only ``phase`` differs.

    A member whose record is damaged is missing, and a warning names the file.

    Raises:
        UserError: the folder isn't there or holds no sweep, or its plan is damaged.
    """
    return read_sweep(Path(folder), budget).table


def read_sweep(folder: Path, budget: int | None = None) -> Sweep:
    """Read the plan and the records of `folder`; without a plan, what has finished is the sweep.

    Raises:
        UserError: as `load`; or the runs are of several tasks, and not of a sweep over tasks.
    """
    plan, folders, found, damaged = read_folder(folder)
    records = {job: _cut(record, budget) for job, record in found.items()}
    if plan is None:
        keys = _differing([record.overrides for record in records.values()])
        settings = {job: record.overrides for job, record in records.items()}
    else:
        keys, settings = plan.keys, dict(enumerate(plan.jobs))
    tasks = sorted({record.task for record in records.values()})
    if len(tasks) > 1 and (plan is None or not {"task", "experiment"} & set(keys)):
        raise UserError(
            f"{folder}: holds runs of several tasks ({', '.join(tasks)}); "
            "put the runs of each into a folder of their own"
        )
    planned = _settings_table(keys, settings)
    measured = _measured(records, list(planned.columns))
    rows = [_row(job, folders[job], records[job], measured) for job in sorted(records)]
    columns = list(dict.fromkeys([*_RESERVED, *_columns(measured)]))
    results = pd.DataFrame(rows).reindex(columns=columns)
    return Sweep(
        folder,
        keys=list(planned.columns[1:]),
        planned=planned,
        table=_typed(planned.merge(results, on="job"), [*_NUMBERS, *_columns(measured)]),
        gaps=sorted({record.grokking_gap for record in records.values()}),
        constrained=bool(records) and all(map(_constrained, records.values())),
        records=records,
        common=_common(plan, records),
        constants=_constants(list(records.values()), keys),
        measured=measured,
        damaged=damaged,
    )


def _measured(records: dict[int, Record], taken: list[str]) -> list[Measured]:
    """What `records` measured, in their order; its columns have none of the `taken` names."""
    found: dict[str, str | None] = {}
    for job in sorted(records):
        for name, better in records[job].columns.items():
            found[name] = better if found.setdefault(name, better) == better else None
    names = {*taken, *_RESERVED}
    measured = []
    for name, better in found.items():
        final = name if name in FINAL else _unlike(names, name)
        best = None if better is None else f"best_{name}"
        if best is not None and best not in BEST:
            best = _unlike(names, best)
        measured.append(Measured(name, better, final, best))
    return measured


def _unlike(names: set[str], name: str) -> str:
    """`name`, or something like it that isn't among `names`, and from now on one of them."""
    while name in names:
        name += " (measured)"
    names.add(name)
    return name


def _columns(measured: list[Measured]) -> list[str]:
    """The columns of the last values, then of the best."""
    return [each.final for each in measured] + [each.best for each in measured if each.best]


def _common(plan: Plan | None, records: dict[int, Record]) -> dict[str, Any]:
    """The plan's configuration, or the first record's where there is none."""
    if plan is not None and plan.common:
        return plan.common
    return records[min(records)].config if records else {}


def _constants(records: list[Record], keys: list[str]) -> dict[str, Any]:
    """The task and the settings of all `records` by full key, but for the swept `keys`."""
    found = [{"task": record.task} | flat(record.config or record.overrides) for record in records]
    return {
        key: _column([value]).tolist()[0]
        if all(key in other and other[key] == value for other in found)
        else VARIES
        for key, value in (found[0] if found else {}).items()
        if key not in keys
    }


def _constrained(record: Record) -> bool:
    norm = record.config.get("norm", {})
    return bool(norm.get("constrain"))


def _cut(record: Record, budget: int | None) -> Record:
    """`record` with the phase that it had after `budget` steps."""
    if budget is None:
        return record
    if budget > record.budget:
        raise UserError(
            f"--budget {budget}: the runs were ended at {record.budget} steps; give at most that"
        )
    phase = classify(record.t_train, record.t_val, budget, record.grokking_gap)
    return dataclasses.replace(record, phase=str(phase))


def _differing(overrides: list[dict[str, Any]]) -> list[str]:
    """The keys that take more than one value, in the order in which they were first given."""
    keys = dict.fromkeys(key for chosen in overrides for key in chosen)
    return [key for key in keys if len({_scalar(chosen.get(key)) for chosen in overrides}) > 1]


def _settings_table(keys: list[str], settings: dict[int, dict[str, Any]]) -> pd.DataFrame:
    jobs = sorted(settings)
    columns: dict[str, Any] = {"job": pd.Series(jobs, dtype="Int64")}
    for key in keys:
        name = f"{key} (swept)" if key in _RESERVED else key
        columns[name] = _column(settings[job].get(key) for job in jobs)
    return pd.DataFrame(columns)


def _column(values: Iterable[Any]) -> pd.Series:
    """Numbers where every value is one (or its text, as YAML reads ``1e-3``), else texts."""
    scalars = [_scalar(value) for value in values]
    if any(isinstance(value, bool) for value in scalars):
        return pd.Series([str(value) for value in scalars], dtype="str")
    try:
        return pd.to_numeric(pd.Series(scalars))
    except ValueError:
        return pd.Series([str(value) for value in scalars], dtype="str")


def _scalar(value: Any) -> int | float | str | bool:
    """`value` as something that can be compared, counted and printed."""
    return value if isinstance(value, int | float | str) else json.dumps(value)


def _row(job: int, folder: Path, record: Record, measured: list[Measured]) -> dict[str, Any]:
    """The results of one member, by column."""
    return {
        "job": job,
        **{name: getattr(record, name) for name in OUTCOME},
        **{each.final: record.final.get(each.name) for each in measured},
        **{each.best: record.best.get(each.name) for each in measured if each.best},
        **{name: record.weight_norm.get(moment) for name, moment in NORMS.items()},
        "decay_per_step": record.decay_per_step,
        "wall_seconds": record.wall_seconds,
        "folder": str(folder),
    }


def _typed(table: pd.DataFrame, numbers: list[str]) -> pd.DataFrame:
    """The same types whatever is missing: a whole column, or every row."""
    types = dict.fromkeys(numbers, "float64") | {"diverged": "bool"}
    types |= dict.fromkeys(_INTEGERS, "Int64") | dict.fromkeys(_TEXTS, "str")
    return table.astype(types)
