"""What lies where on an axis or a colour scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

LEAST_RATIO = 100


def borders(places: NDArray[np.float64], logarithmic: bool) -> NDArray[np.float64]:
    """The borders between neighbouring places, one more than those, halfway on their scale."""
    scaled = np.log10(places) if logarithmic else places
    inner = (scaled[1:] + scaled[:-1]) / 2
    found = np.array([2 * scaled[0] - inner[0], *inner, 2 * scaled[-1] - inner[-1]])
    return 10**found if logarithmic else found


def over_a_decade(values: Sequence[Any] | NDArray[np.float64]) -> bool:
    """Whether rising numbers are positive and span more than a decade: a logarithmic axis."""
    return bool(values[0] > 0) and bool(values[-1] > 10 * values[0])


def step_limits(steps: pd.Series, budget: int) -> tuple[int, int]:
    """The ends of a scale: the power of ten below the smallest positive step, and the budget."""
    smallest = steps[steps > 0].min()
    floor = 1 if pd.isna(smallest) else 10 ** math.floor(math.log10(smallest))
    return floor, max(budget, 10 * floor)


def logarithmic(values: pd.Series, better: str | None) -> bool:
    """Whether `values` are read on a logarithmic scale: over decades, none negative.

    Numbers of which higher is better are mostly shares, whose scale is linear.
    """
    found = values[np.isfinite(values)]
    positive = found[found > 0]
    if better == "higher" or positive.empty or bool(found.min() < 0):
        return False
    return bool(positive.max() > LEAST_RATIO * positive.min())


def loss_limits(losses: ArrayLike) -> tuple[float, float]:
    """The ends of a logarithmic scale: the least and the largest positive number, not the same."""
    values = np.asarray(losses, dtype="float64")
    positive = values[np.isfinite(values) & (values > 0)]
    low, high = (positive.min(), positive.max()) if len(positive) else (1.0, 10.0)
    return float(low), float(max(high, 1.001 * low))
