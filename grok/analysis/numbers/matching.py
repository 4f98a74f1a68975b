"""The cells that two sweeps have in common, or a sweep and a published grid."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grok.analysis.read.sweep import COMPARED, IMPLIED, STEPS, TIMES, VARIES, Sweep
from grok.errors import UserError
from grok.phases import Phase
from grok.record.difference import LATER
from grok.record.meaning import alters

# Relative; a published table has seven digits of 10^-4.85, its steps are several percent.
TOLERANCE = 1e-4
REPEATED = "seed.perturb"
"""The key that repeats a cell from weights changed by their last digits."""
EQUAL, DIFFERENT, UNDECIDED = "equal", "different", "undecided"


@dataclasses.dataclass(frozen=True)
class Match:
    """Two sweeps cell by cell.

    Attributes:
        a, b: the sweeps. B may be a published grid, whose T_train and T_val may be unknown.
        keys: swept in one at least and known in both: what cells are matched on.
        free_a, free_b: swept in one and unknown in the other: all settings count.
        cells: one row a common cell: `keys`, `free_a` and `free_b`, ``phase_a``, ``phase_b`` at
            the common budget, ``t_train_a``, ``t_train_b``, ``t_val_a``, ``t_val_b`` (steps, NaN
            where never reached or unknown), ``budget`` (steps, the lesser of both), ``verdict``
            (equal, different or undecided), ``log10_t_train`` and ``log10_t_val`` (log10 of A
            over B), and, where one is refined, ``implied_a`` and ``implied_b``.
        differing: settings swept in neither and not the same: full key to both values.
    """

    a: Sweep
    b: Sweep
    keys: list[str]
    free_a: list[str]
    free_b: list[str]
    cells: pd.DataFrame
    differing: dict[str, tuple[Any, Any]]


def match(a: Sweep, b: Sweep, budget: int | None = None) -> Match:
    """Match the cells of `a` and `b` and tell whether their phases are equal.

    Keys are matched by name; numbers are equal within 1e-4 of themselves, texts exactly. A key
    swept in one and constant in the other is matched at that constant, but for repeats.

    Phases are those at the lesser budget, by T_train and T_val. Where B's times are unknown, its
    phases are at its own budget. Then a cell of A that has, in less steps, neither reached both
    thresholds nor diverged is undecided: it is not known which phase it would have come to. So is
    an implied cell at a lesser budget than its own.

    Args:
        a: a sweep with known T_train and T_val.
        b: a sweep or a published grid.
        budget: classify A as if it had ended after so many steps.

    Raises:
        UserError: one has no finished members, their tasks differ, or they have no common cell.
    """
    _check(a, b)
    keys = [key for key in dict.fromkeys([*a.keys, *b.keys]) if _known(a, key) and _known(b, key)]
    if not (REPEATED in a.keys and REPEATED in b.keys):  # repeats are of what isn't one as well
        keys = [key for key in keys if key != REPEATED]
    free_a, free_b = ([key for key in sweep.keys if key not in keys] for sweep in (a, b))
    left = _outcomes(a, keys, free_a, budget)
    right = _outcomes(b, keys, free_b, None)
    for key in keys:
        right = _adopt(right, left, key)
        if right.empty:
            raise UserError(
                f"{a.folder} and {b.folder}: no common cell; {key} is "
                f"{_listed(a, key)} in one and {_listed(b, key)} in the other; sweep over some of "
                "the same values"
            )
    how: dict[str, Any] = {"on": keys} if keys else {"how": "cross"}
    cells = left.merge(right, suffixes=("_a", "_b"), **how)
    if cells.empty:
        raise UserError(
            f"{a.folder} and {b.folder}: no common cell among the combinations of {', '.join(keys)}"
        )
    judged = _judged(cells, b.timed)
    if a.implied is None and b.implied is None:
        judged = judged.drop(columns=[f"{IMPLIED}_a", f"{IMPLIED}_b"])
    return Match(a, b, keys, free_a, free_b, judged, _differing(a, b))


def implied_in(cells: pd.DataFrame, side: str) -> pd.Series:
    """Which of `Match.cells` are implied in A or in B, ``a`` or ``b``: none where it's trained."""
    return cells.get(f"{IMPLIED}_{side}", pd.Series(False, cells.index))


def _check(a: Sweep, b: Sweep) -> None:
    for sweep in (a, b):
        if sweep.table.empty:
            raise UserError(f"{sweep.folder}: nothing has finished, so nothing can be compared")
    tasks = [sweep.constants.get("task") for sweep in (a, b)]
    if not {None, VARIES} & set(tasks) and tasks[0] != tasks[1]:
        raise UserError(
            f"{a.folder} and {b.folder}: of different tasks, {tasks[0]} and {tasks[1]}; "
            "compare sweeps of one task"
        )


def _known(sweep: Sweep, key: str) -> bool:
    return key in sweep.keys or key in sweep.constants


def _outcomes(sweep: Sweep, keys: list[str], free: list[str], budget: int | None) -> pd.DataFrame:
    """`keys`, `free` and the outcome of every setting; of two jobs with the same the later one."""
    table = sweep.known.drop_duplicates(sweep.keys or None, keep="last")
    table = table.assign(implied=False) if sweep.implied is None else table
    fixed = {key: sweep.constants[key] for key in keys if key not in sweep.keys}
    table = table.assign(**fixed)[[*keys, *free, *COMPARED, IMPLIED]]
    table = table.astype(dict.fromkeys(STEPS, "float64"))
    table["budget"] = table["budget"].fillna(table["budget"].max())  # of the implied
    return table.assign(budget=table["budget"].clip(upper=budget))


def _adopt(right: pd.DataFrame, left: pd.DataFrame, key: str) -> pd.DataFrame:
    """The rows of `right` whose value of `key` `left` has too, written as there."""
    known = left[key].unique().tolist()
    same = {value: _same(value, known) for value in right[key].unique().tolist()}
    values = right[key].map(same)
    kept = right.assign(**{key: values})[values.notna()]
    return kept.astype({key: left[key].dtype})


def _same(value: Any, known: list[Any]) -> Any:
    """The one of `known` that equals `value`, the nearest if several do; None if none does.

    Whole numbers, such as seeds, are equal or not; others may be rounded, in published grids.
    """
    if value in known or isinstance(value, str):
        return value if value in known else None
    close = [
        other
        for other in known
        if not isinstance(other, str)
        and not (float(value).is_integer() and float(other).is_integer())
        and math.isclose(value, other, rel_tol=TOLERANCE)
    ]
    return min(close, key=lambda other: abs(other - value), default=None)


def _listed(sweep: Sweep, key: str) -> str:
    """The values of `key`, the first few."""
    values = [sweep.constants[key]] if key not in sweep.keys else sweep.table[key].unique().tolist()
    shown = ", ".join(
        f"{value:.7g}" if isinstance(value, float) else str(value) for value in values[:3]
    )
    return f"{shown}, ..." if len(values) > 3 else shown


def _judged(cells: pd.DataFrame, timed: bool) -> pd.DataFrame:
    """The columns of `Match.cells`, from the outcomes of both."""
    budget = cells[["budget_a", "budget_b"]].min(axis=1)
    phases = {
        "phase_a": _phases_at(cells, "a", budget),
        "phase_b": _phases_at(cells, "b", budget) if timed else cells["phase_b"],
    }
    judged = cells.assign(budget=budget.astype("int64"), **phases)
    generalises = judged["phase_a"].isin([str(phase) for phase in Phase if phase.generalises])
    ended = judged["diverged_a"] & (judged["steps_a"] <= budget)
    decided = timed | generalises | ended | (judged["budget_a"] >= judged["budget_b"])
    for side in "ab":
        decided &= ~judged[f"{IMPLIED}_{side}"] | (judged[f"budget_{side}"] <= budget)
    equal = np.where(judged["phase_a"] == judged["phase_b"], EQUAL, DIFFERENT)
    judged["verdict"] = np.where(decided, equal, UNDECIDED)
    for time in TIMES:
        judged[f"log10_{time}"] = np.log10(judged[f"{time}_a"] / judged[f"{time}_b"])
    dropped = [f"{name}_{side}" for name in ("budget", "diverged", "steps") for side in "ab"]
    return judged.drop(columns=dropped)


def _phases_at(cells: pd.DataFrame, side: str, budget: pd.Series) -> NDArray[np.str_]:
    """Phases after `budget` steps, at most those of the run (compare `grok.phases.classify`)."""
    timed = ~cells[f"{IMPLIED}_{side}"]
    untrained, ungeneral = (timed & ~(cells[f"{time}_{side}"] <= budget) for time in TIMES)
    names = [str(Phase.CONFUSION), str(Phase.MEMORIZATION)]
    return np.select([untrained, ungeneral], names, cells[f"phase_{side}"])


def _differing(a: Sweep, b: Sweep) -> dict[str, tuple[Any, Any]]:
    """Constants that both have, or a configuration of an earlier version means."""
    # a published grid has no configuration, and tells what is known of it
    known = [(LATER if each.common else {}) | each.constants for each in (a, b)]
    found = {}
    for key in sorted((a.constants.keys() | b.constants.keys()) - {*a.keys, *b.keys}):
        values = tuple(each[key] for each in known if key in each)
        if alters(key) and len(values) == 2 and _same(values[1], [values[0]]) is None:
            found[key] = values
    return found
