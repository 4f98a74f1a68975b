"""Power laws through measured times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

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
    x_log, y_log = np.log(xs[usable]), np.log(ys[usable])
    spread = ((x_log - x_log.mean()) ** 2).sum()
    slope = float(((x_log - x_log.mean()) * y_log).sum() / spread)
    intercept = y_log.mean() - slope * x_log.mean()
    variance = ((y_log - intercept - slope * x_log) ** 2).sum() / (points - 2)
    # Student's t by itself: scipy.stats takes a second to import.
    margin = float(special.stdtrit(points - 2, 0.975) * np.sqrt(variance / spread))
    return PowerLaw(slope, slope - margin, slope + margin, float(np.exp(intercept)), points)
