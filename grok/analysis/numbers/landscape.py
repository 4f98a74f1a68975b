"""Losses against the weight norm that runs were constrained to (Omnigrok, Figures 2a, 3 and 11).

A run at constant weight norm ends at the reduced losses of that norm: train loss as low as the
norm allows, against it an L, and the test loss found there, against it a U.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from grok.analysis.read.sweep import Sweep

SCALE = "task.init_scale"


COLUMNS = {
    "train_loss": "train_loss",
    "val_loss": "test_loss",
    "train_accuracy": "train_accuracy",
    "val_accuracy": "test_accuracy",
    "best_train_loss": "best_train_loss",
    "best_val_loss": "best_test_loss",
    "best_train_accuracy": "best_train_accuracy",
    "best_val_accuracy": "best_test_accuracy",
}


def landscape_table(sweep: Sweep) -> pd.DataFrame | None:
    """One row a finished member, by rising norm: ``alpha``, other swept keys, norm, losses.

    The norm is the one that was held. Losses and accuracies are those at the last step, and the
    best of all steps. None where the initial scale isn't swept.
    """
    if SCALE not in sweep.keys:
        return None
    others = [key for key in sweep.keys if key != SCALE]
    chosen = landscape_members(sweep)[[SCALE, *others, "norm", *COLUMNS.values()]]
    chosen = chosen.rename(columns={SCALE: "alpha"})
    return chosen.sort_values([*others, "norm"]).reset_index(drop=True)


def landscape_members(sweep: Sweep) -> pd.DataFrame:
    """The sweep's table, its losses and accuracies called as in `landscape_table`, and ``norm``."""
    norms = {job: record.weight_norm for job, record in sweep.records.items()}
    held = [norms[job].get("held", norms[job].get("initial")) for job in sweep.table["job"]]
    numbers = np.array(held, dtype="float64")
    return sweep.table.rename(columns=COLUMNS).assign(norm=numbers)


def goldilocks(losses: pd.DataFrame) -> float | None:
    """w_c, the norm of the lowest test loss at the last step (Omnigrok, section 2)."""
    found = losses.dropna(subset=["test_loss"])
    return None if found.empty else float(found["norm"].iloc[found["test_loss"].argmin()])


def with_norms(losses: pd.DataFrame) -> pd.DataFrame:
    """The rows whose norm has a place on a logarithmic axis: it isn't 0."""
    return losses[losses["norm"] > 0]
