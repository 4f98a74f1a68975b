"""Power laws through measured times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special


@dataclass(frozen=True)
class PowerLaw:
    """y = prefactor x^slope, fitted by least squares in the logarithms of both.

    Attributes:
        low, high: ends of the slope's 95 % confidence interval (Student's t).
        points: number of points fitted.
        given: how many there were; the others have no y, or none that is positive.
    """

    slope: float
    low: float
    high: float
    prefactor: float
    points: int
    given: int

    def __call__(self, x: ArrayLike) -> NDArray[np.float64]:
        """The law at `x`."""
        return self.prefactor * np.asarray(x, dtype="float64") ** self.slope


def power_law(x: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> PowerLaw | None:
    """The power law through the points of which both numbers are positive; None if too few.

    Args:
        x, y: numbers of the same shape.
        groups: what a point belongs to: all groups have one slope, each a prefactor of its own,
            and the law's is their geometric mean. None is one group.
    """
    xs, ys = np.asarray(x, dtype="float64"), np.asarray(y, dtype="float64")
    usable = (xs > 0) & (ys > 0) & np.isfinite(xs) & np.isfinite(ys)
    names = np.zeros(xs.shape) if groups is None else np.asarray(groups)
    points = int(usable.sum())
    x_log, y_log = np.log(xs[usable]), np.log(ys[usable])
    members = [names[usable] == name for name in np.unique(names[usable])]
    free = points - len(members) - 1
    x_off, y_off = x_log.copy(), y_log.copy()
    for each in members:
        x_off[each] -= x_log[each].mean()
        y_off[each] -= y_log[each].mean()
    spread = (x_off**2).sum()
    if free < 1 or not spread > 0:
        return None
    slope = float((x_off * y_off).sum() / spread)
    variance = ((y_off - slope * x_off) ** 2).sum() / free
    # Student's t by itself: scipy.stats takes a second to import.
    margin = float(special.stdtrit(free, 0.975) * np.sqrt(variance / spread))
    intercepts = [y_log[each].mean() - slope * x_log[each].mean() for each in members]
    prefactor = float(np.exp(np.mean(intercepts)))
    given = int(((xs > 0) & np.isfinite(xs)).sum())
    return PowerLaw(slope, slope - margin, slope + margin, prefactor, points, given)
