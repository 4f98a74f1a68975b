"""Losses against the weight norm that runs were constrained to (Omnigrok, Figures 2a, 3 and 11).

A run at constant weight norm ends at the reduced losses of that norm: train loss as low as the
norm allows, against it an L, and the test loss found there, against it a U.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from grok.analysis.read.sweep import Sweep
from grok.record.meaning import INIT_SCALE, keys_of

PARTS = {"train": "train", "test": "val"}
"""What is called test here is the table's validation."""
COLUMNS = {
    f"{best}{column}_{kind}": f"{best}{part}_{kind}"
    for best in ("", "best_")
    for kind in ("loss", "accuracy")
    for part, column in PARTS.items()
}
"""Columns of the sweep's table, and what they are called in a landscape."""
HELD_LOSSES = ["norm", *(f"{part}_loss" for part in PARTS)]
"""The L and the U."""
LANDSCAPE_MAPS = [f"best_{part}_{kind}" for kind in ("loss", "error") for part in PARTS]
"""What is drawn over two keys; an error is 1 - accuracy."""


def scale_key(sweep: Sweep) -> str:
    """The key of the initial scale, as the records tell; in words, and no key, where none does."""
    return next(iter(keys_of(sweep.roles, INIT_SCALE)), INIT_SCALE)


def landscape_table(sweep: Sweep) -> pd.DataFrame | None:
    """One row a finished member, by rising norm: ``alpha``, other swept keys, norm, losses.

    The norm is the one that was held. Losses and accuracies are those at the last step, and the
    best of all steps with accuracies. None where the initial scale isn't swept.
    """
    scale = scale_key(sweep)
    if scale not in sweep.keys:
        return None
    others = [key for key in sweep.keys if key != scale]
    chosen = landscape_members(sweep)[[scale, *others, "norm", *COLUMNS.values()]]
    chosen = chosen.rename(columns={scale: "alpha"})
    return chosen.sort_values([*others, "norm"]).reset_index(drop=True)


def ended_early(sweep: Sweep) -> str:
    """What to know of a landscape whose members weren't all trained for their whole budget."""
    count = int((sweep.table["stop_reason"] == "early_stop").sum())
    if not (count and sweep.constrained and scale_key(sweep) in sweep.keys):
        return ""
    return f"{count} of {len(sweep.table)}, so that losses aren't reduced (phase.early_stop=false)"


def landscape_members(sweep: Sweep) -> pd.DataFrame:
    """The sweep's table with `COLUMNS` renamed, ``norm``, and the errors of `LANDSCAPE_MAPS`."""
    norms = {job: record.weight_norm for job, record in sweep.records.items()}
    held = [norms[job].get("held", norms[job].get("initial")) for job in sweep.table["job"]]
    numbers = np.array(held, dtype="float64")
    members = sweep.table.rename(columns=COLUMNS).assign(norm=numbers)
    errors = {f"best_{part}_error": 1 - members[f"best_{part}_accuracy"] for part in PARTS}
    return members.assign(**errors)


def goldilocks(losses: pd.DataFrame) -> float | None:
    """w_c, the norm of the lowest test loss at the last step (Omnigrok, section 2)."""
    found = losses.dropna(subset=["test_loss"])
    return None if found.empty else float(found["norm"].iloc[found["test_loss"].argmin()])


def with_norms(losses: pd.DataFrame) -> pd.DataFrame:
    """The rows whose norm has a place on a logarithmic axis: it isn't 0."""
    return losses[losses["norm"] > 0]
