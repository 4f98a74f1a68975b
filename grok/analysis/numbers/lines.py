"""Members against the one swept key: a phase diagram of one dimension."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from grok.analysis.numbers.layout import Layout, borders, numeric


def positions(layout: Layout) -> NDArray[np.float64]:
    """Where the values of x lie: at themselves, or at their place in the order if texts."""
    return np.asarray(layout.xs if numeric(layout.xs) else range(len(layout.xs)), dtype="float64")


def is_logarithmic(layout: Layout) -> bool:
    """Whether the values of x are positive and span more than a decade."""
    xs = layout.xs
    return numeric(xs) and bool(xs[0] > 0) and bool(xs[-1] > 10 * xs[0])


def edges(layout: Layout) -> NDArray[np.float64]:
    """The borders between neighbouring values, one more than those, halfway on x's own scale."""
    return borders(positions(layout), is_logarithmic(layout))
