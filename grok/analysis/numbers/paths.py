"""Freely trained members on the landscape of their task: the LU mechanism, seen to happen.

A landscape tells the losses that training reaches while the weight norm is held; a free member has
a norm and losses at every step. Drawn together, a path falls on to the L and moves along it, and
the U tells when it generalises (Omnigrok, section 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grok.analysis.numbers.labels import member_text, number
from grok.analysis.numbers.landscape import HELD_LOSSES, landscape_members, scale_key
from grok.analysis.numbers.layout import numeric, swept
from grok.analysis.numbers.reduced import Plane, planes
from grok.analysis.read import files
from grok.analysis.read.sweep import VARIES, Sweep
from grok.errors import UserError
from grok.phases import Phase
from grok.record.names import CURVES

MOST_WALKS = 24


@dataclass(frozen=True)
class Walk:
    """The way of one free member.

    Attributes:
        title: its phase and settings.
        phase: what became of it.
        steps: optimizer steps, shape (n,).
        norms: weight norm there.
        train, test: losses there.
        values: the landscape's second coordinate there, None where it isn't measured.
    """

    title: str
    phase: Phase
    steps: NDArray[np.float64]
    norms: NDArray[np.float64]
    train: NDArray[np.float64]
    test: NDArray[np.float64]
    values: NDArray[np.float64] | None


@dataclass(frozen=True)
class Crossing:
    """Free members over a landscape.

    Attributes:
        walks: theirs.
        losses: ``norm``, ``train_loss`` and ``test_loss`` of the landscape by rising norm, where
            the members stay at one value of its second key, or it has none.
        plane: the landscape, where they move in both.
        members: how many there are; `walks` are the first.
    """

    walks: list[Walk]
    losses: pd.DataFrame
    plane: Plane | None
    members: int


def cross(landscape: Sweep, runs: Sweep) -> Crossing:
    """Lay the paths of `runs` over `landscape`.

    The norm is that of the groups which the landscape held. Over a second key the members are at
    their own value of it, measured under the key's name; or all at the one that they were run with.

    Raises:
        UserError: one of them isn't what it should be, there are more keys, or what is to be drawn
            wasn't measured.
    """
    scale = scale_key(landscape)
    if not landscape.constrained or scale not in landscape.keys:
        raise UserError(
            f"--paths: {landscape.folder} is no landscape; sweep {scale} with norm.constrain=true"
        )
    if runs.constrained or runs.table.empty:
        why = "were held at their norm" if runs.constrained else "haven't finished"
        raise UserError(f"--paths {runs.folder}: its members {why}; pass free ones")
    others = [key for key in swept(landscape) if key != scale]
    if len(others) > 1:
        raise UserError(
            f"--paths: {landscape.folder} sweeps {', '.join(landscape.keys)}; pass a landscape "
            f"over {scale} and at most one other key"
        )
    found = planes(landscape)
    plane = found[0] if found else None
    if plane is not None and plane.name not in {each.name for each in runs.measured}:
        plane = None
    table = landscape_members(landscape)
    if others and plane is None:
        table = _at(landscape, table, others[0], _common_value(runs, others[0]))
    losses = table[HELD_LOSSES].sort_values("norm")
    names = _norm_of(landscape), None if plane is None else plane.name
    free = runs.table.sort_values(runs.keys) if runs.keys else runs.table
    drawn = [_walk(runs, member, *names) for _, member in free.head(MOST_WALKS).iterrows()]
    walks = [walk for walk in drawn if walk is not None]
    return Crossing(walks, losses[losses["norm"] > 0], plane, len(free))


def _walk(runs: Sweep, member: pd.Series, norm: str | None, value: str | None) -> Walk | None:
    """A member's path, None where a file is damaged.

    Args:
        norm, value: names of measured numbers; None for the norm of all weights, and for none.
    """
    folder, job = Path(member["folder"]), member["job"]
    if not (folder / CURVES).is_file():
        raise UserError(f"--paths {folder}: has no {CURVES}; run it with callbacks=default")
    curves, taken = files.curves(runs, job), files.measures(runs, job)
    if any(path.parent == folder for path in runs.damaged):
        return None
    assert curves is not None
    steps = curves["step"].to_numpy()
    return Walk(
        member_text(member, swept(runs)),
        Phase(member["phase"]),
        steps,
        curves["weight_norm"].to_numpy() if norm is None else _measured(folder, taken, norm, steps),
        curves["train_loss"].to_numpy(),
        curves["val_loss"].to_numpy(),
        None if value is None else _measured(folder, taken, value, steps),
    )


def _measured(
    folder: Path, known: pd.DataFrame | None, name: str, steps: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A measured number at `steps`, interpolated between those at which it was taken."""
    if known is None or name not in known:
        raise UserError(
            f"--paths {folder}: {name} wasn't measured; the landscape needs it, see conf/measures/"
        )
    values = known[["step", name]].dropna()
    if values.empty:
        return np.full(steps.shape, np.nan)
    found: NDArray[np.float64] = np.interp(steps, values["step"], values[name])
    return found


def _norm_of(landscape: Sweep) -> str | None:
    """The measure of the norm that the landscape held; None for that of all weights."""
    return f"{landscape.held[0]}_norm" if len(landscape.held) == 1 else None


def _common_value(runs: Sweep, key: str) -> Any:
    """The value of the landscape's second key that all runs have."""
    value = runs.constants.get(key, VARIES)
    if value == VARIES:
        raise UserError(
            f"--paths {runs.folder}: its members have no {key} in common, and didn't measure "
            f"{key.rpartition('.')[2]}; pass some that have"
        )
    return value


def _at(landscape: Sweep, table: pd.DataFrame, key: str, value: Any) -> pd.DataFrame:
    """The landscape where `key` is `value`."""
    known = swept(landscape)[key]
    close = numeric(known) and not isinstance(value, str)
    rows = table[np.isclose(table[key], value, atol=0) if close else table[key] == value]
    if rows.empty:
        texts = ", ".join(number(each) for each in known)
        raise UserError(f"--paths: the runs' {key} is {value}; the landscape has {texts}")
    return rows
