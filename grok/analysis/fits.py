"""Power laws through measured times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

LEAST_POINTS = 3


@dataclass(frozen=True)
class PowerLaw:
    """y = prefactor x^slope, fitted by least squares in the logarithms of both.

    Attributes:
        low, high: ends of the slope's 95 % confidence interval (Student's t).
        points: number of points fitted.
    """

    slope: float
    low: float
    high: float
    prefactor: float
    points: int

    def __call__(self, x: ArrayLike) -> NDArray[np.float64]:
        """The law at `x`."""
        return self.prefactor * np.asarray(x, dtype="float64") ** self.slope


def power_law(x: ArrayLike, y: ArrayLike) -> PowerLaw | None:
    """The power law through the points of which both numbers are positive; None if too few."""
    xs, ys = np.asarray(x, dtype="float64"), np.asarray(y, dtype="float64")
    usable = (xs > 0) & (ys > 0) & np.isfinite(xs) & np.isfinite(ys)
    points = int(usable.sum())
    if points < LEAST_POINTS or len(np.unique(xs[usable])) < 2:
        return None
    line = stats.linregress(np.log(xs[usable]), np.log(ys[usable]))
    margin = float(stats.t.ppf(0.975, points - 2) * line.stderr)
    slope = float(line.slope)
    return PowerLaw(slope, slope - margin, slope + margin, float(np.exp(line.intercept)), points)
