"""A sweep's records as one tidy table, and what is missing from it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from grok.analysis.read.folder import implied_phases, read_folder
from grok.analysis.read.sweep import (
    BEST,
    FINAL,
    IMPLIED,
    NORMS,
    OUTCOME,
    STEPS,
    VARIES,
    Measured,
    Sweep,
)
from grok.errors import UserError
from grok.phases import classify
from grok.record.difference import flat
from grok.record.meaning import EARLIER_ROLES
from grok.record.record import Plan, Record

_NUMBERS = (*FINAL, *BEST, *NORMS, "decay_per_step", "wall_seconds")
_RESERVED = ("job", *OUTCOME, *_NUMBERS, "folder")
_INTEGERS = ("job", *STEPS)
_TEXTS = ("phase", "stop_reason", "folder")


def load(folder: str | Path, budget: int | None = None) -> pd.DataFrame:
    """The tidy table of a sweep (or of a solo run): one row a finished member, in job order.

    Columns: ``job``, every swept key under its full name, ``t_train``, ``t_val``, ``budget`` and
    ``steps`` (optimizer steps from 1, Int64; a threshold never reached is ``<NA>``), ``phase``,
    ``stop_reason``, ``diverged``, the losses, accuracies (0 to 1) and weight norm (L2) at the last
    step, the lowest losses and highest accuracies of all steps with accuracies (``best_...``), the
    weight norm at the start and at T_train and T_val, ``decay_per_step`` (the share that weight
    decay takes of a weight in a step, NaN where it isn't the same for all), ``wall_seconds`` and
    ``folder``, the member's. Then the last value of each number that the configured measures gave,
    and as ``best_...`` the lowest or highest where one is better; NaN where a member lacks it. A
    swept key named like another column has " (swept)" added, a measured number " (measured)".

    A refined sweep has rows of implied cells as well, whose column ``implied`` is true: they have a
    phase, and numbers that are NaN or ``<NA>``.

    Args:
        folder: of the sweep, finished or not, or of a solo run.
        budget: classify every run as if it had ended after so many steps; only ``phase`` differs.

    A member whose record is damaged is missing, and a warning names the file.

    Raises:
        UserError: the folder isn't there or holds no sweep, or its plan is damaged.
    """
    return read_sweep(Path(folder).expanduser(), budget).known.reset_index(drop=True)


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
    implied = implied_phases(plan, folders, {job: each.phase for job, each in records.items()})
    rows = [_row(job, folders[job], records[job], measured) for job in sorted(records)]
    rows += [{"job": job, "phase": phase, "diverged": False} for job, phase in implied.items()]
    columns = list(dict.fromkeys([*_RESERVED, *_columns(measured)]))
    results = pd.DataFrame(rows).reindex(columns=columns)
    known = _typed(planned.merge(results, on="job"), [*_NUMBERS, *_columns(measured)])
    trained = known["job"].isin(records)
    table = known[trained].reset_index(drop=True)
    untrained = known[~trained].set_index(pd.RangeIndex(len(table), len(known)))
    return Sweep(
        folder,
        keys=list(planned.columns[1:]),
        planned=planned,
        table=table,
        gaps=sorted({record.grokking_gap for record in records.values()}),
        constrained=bool(records) and all(map(_constrained, records.values())),
        records=records,
        common=_common(plan, records),
        constants=_constants(list(records.values()), keys),
        held=_held(list(records.values())),
        roles=_roles(records),
        measured=measured,
        implied=untrained if plan is not None and plan.refine else None,
        cut=budget,
        damaged=damaged,
    )


def _measured(records: dict[int, Record], taken: list[str]) -> list[Measured]:
    """What `records` measured, in their order; its columns have none of the `taken` names."""
    found: dict[str, str | None] = {}
    for job in sorted(records):
        for name, better in records[job].columns.items():
            found[name] = better if found.setdefault(name, better) == better else None
    names = {*taken, *_RESERVED, IMPLIED}
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


def _held(records: list[Record]) -> list[str]:
    """The groups whose norm all were held at; none where they weren't all the same."""
    groups = [record.config.get("norm", {}).get("groups") for record in records]
    if not records or not all(map(_constrained, records)) or not isinstance(groups[0], list):
        return []
    return groups[0] if all(each == groups[0] for each in groups) else []


def _roles(records: dict[int, Record]) -> dict[str, str]:
    """What keys mean to all records together; what they meant earlier where there is none."""
    found: dict[str, str] = {}
    for job in sorted(records):
        found |= records[job].roles
    return found if records else dict(EARLIER_ROLES)


def _cut(record: Record, budget: int | None) -> Record:
    """`record` with the phase that it had after `budget` steps."""
    if budget is None:
        return record
    if not 1 <= budget <= record.budget:
        raise UserError(
            f"budget={budget}: must be from 1 to {record.budget}, where the runs were ended"
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
        name = f"{key} (swept)" if key in (*_RESERVED, IMPLIED) else key
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
