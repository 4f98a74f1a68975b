"""Published grids to compare a sweep with: tables, and in ``grids.toml`` what they are."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd

from grok.analysis.read.sweep import COMPARED, STEPS, TIMES, Sweep
from grok.analysis.read.table import read_sweep
from grok.errors import UserError

HERE = Path(__file__).parent


@functools.cache
def facts() -> dict[str, dict[str, Any]]:
    """What ``grids.toml`` says of every grid, by name."""
    with (HERE / "grids.toml").open("rb") as file:
        return tomllib.load(file)


def read(name: str) -> Sweep:
    """The grid of that name, as a sweep without folders; ``timed`` where it has T_train and T_val.

    Raises:
        UserError: no grid is called so.
    """
    if name not in facts():
        raise UserError(f"{name}: no published grid; there are {', '.join(facts())}")
    fact = facts()[name]
    table = pd.read_csv(HERE / fact["file"]).rename(columns=fact["columns"])
    keys = [key for key in fact["columns"].values() if key not in COMPARED]
    timed = set(TIMES) <= set(table)
    table = table.assign(budget=fact["budget"], diverged=False, steps=fact["budget"])
    table = table.reindex(columns=[*keys, *COMPARED]).astype(dict.fromkeys(STEPS, "Int64"))
    table.insert(0, "job", range(len(table)))
    constants = {"task": fact["task"]} | fact["constants"]
    return Sweep(
        Path(name),
        keys=keys,
        planned=table[["job", *keys]],
        table=table,
        gaps=[constants["phase.grokking_gap"]],
        constrained=False,
        records={},
        common={},
        constants=constants,
        timed=timed,
    )


def read_other(name: str, option: str) -> Sweep:
    """What `option` names: a published grid, or the sweep of a folder.

    Raises:
        UserError: it is neither, or as `read_sweep`.
    """
    if name in facts():
        return read(name)
    folder = Path(name).expanduser()  # which shells leave in --compare=~/there
    if not folder.is_dir():
        problem = "is a file" if folder.exists() else "no folder and no published grid"
        raise UserError(
            f"{option} {name}: {problem}; pass a sweep's folder or one of " + ", ".join(facts())
        )
    return read_sweep(folder)
