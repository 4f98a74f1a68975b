"""Reduced losses over two coordinates: the weight norm w, and a swept key such as messiness m.

Source: Omnigrok, section 5.1 (Eq. 5) and appendix D.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grok.analysis.numbers.labels import axis_label
from grok.analysis.numbers.landscape import HELD_LOSSES, PARTS, landscape_members, scale_key
from grok.analysis.numbers.layout import Selection, cells, choose, numeric
from grok.analysis.read.sweep import Sweep

LEVEL = 0.05
"""Train loss on the boundary between small and large losses (Omnigrok, Figure 6a)."""
PLANE_MAPS = len(PARTS)
"""Of each plane: train and test loss."""
TINY = 1e-12
"""A loss that has a logarithm."""
SAME_NORM = 0.99
"""Least ratio of the norms of one initial scale that count as one."""


@dataclass(frozen=True)
class Plane:
    """The reduced losses of one setting of all other keys.

    Attributes:
        panel: that setting.
        key: full name of the second coordinate.
        label: what it is called along an axis.
        norms: rising weight norms over 0, shape (n,).
        values: rising values of the key, shape (k,).
        train, test: losses at the last step, shape (k, n); NaN where a member is missing.
    """

    panel: Selection
    key: str
    label: str
    norms: NDArray[np.float64]
    values: NDArray[np.float64]
    train: NDArray[np.float64]
    test: NDArray[np.float64]

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition(".")[2]

    @property
    def best(self) -> tuple[float, float]:
        """Norm and value where test loss is lowest: the generalising solution."""
        row, column = np.unravel_index(np.nanargmin(self.test), self.test.shape)
        return float(self.norms[column]), float(self.values[row])

    def boundary(self, level: float = LEVEL) -> NDArray[np.float64]:
        """For each value the least norm at which train loss falls to `level`; NaN where none is.

        Interpolated between neighbouring cells in the logarithms of both. The least norm of all
        where it has fallen by then.
        """
        found, u = np.full(len(self.values), np.nan), np.log(self.norms)
        for row, losses in enumerate(self.train):
            loss = np.log(np.maximum(losses, TINY) / level)
            falls = np.flatnonzero((loss[:-1] > 0) & (loss[1:] <= 0))
            if loss[0] <= 0:
                found[row] = self.norms[0]
            elif len(falls):
                i = falls[0]
                found[row] = np.exp(u[i] + (u[i + 1] - u[i]) * loss[i] / (loss[i] - loss[i + 1]))
        return found

    def downhill(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Arrows down the train loss along ln w and along m, shape (k, n) each; None if it's flat.

        As seen in a picture, each axis from 0 to 1. They are as long as the root of the steepness,
        1 for a loss that is steeper than nine tenths of the plane, and at most 1.2.
        """
        u, m = np.log(self.norms), self.values
        across, up = (u - u[0]) / (u[-1] - u[0]), (m - m[0]) / (m[-1] - m[0])
        by_m, by_u = np.gradient(self.train, up, across)
        steepness = np.hypot(by_u, by_m)
        found = np.isfinite(steepness) & (steepness > 0)
        if not found.any():
            return None
        length = np.sqrt(steepness / np.quantile(steepness[found], 0.9)).clip(max=1.2)
        scale = np.divide(length, steepness, out=np.zeros_like(length), where=found)
        return -by_u * scale, -by_m * scale


def planes(sweep: Sweep) -> list[Plane]:
    """A plane for each panel of a landscape over the initial scale and a numeric key; or none.

    Panels whose norm depends on the key as well are left out, and those after very many.
    """
    layout, scale = choose(sweep, PLANE_MAPS), scale_key(sweep)
    if scale not in (layout.x, layout.y) or layout.y is None or sweep.table.empty:
        return []
    flat = layout.x == scale
    key, values = (layout.y, layout.ys) if flat else (layout.x, layout.xs)
    assert key is not None
    if not numeric(values):
        return []
    table, found = landscape_members(sweep), []
    for panel in layout.panels:
        images = [cells(table, layout, panel, table[column]) for column in HELD_LOSSES]
        norms, train, test = images if flat else [image.T for image in images]
        kept = np.array([bool(np.nanmax(column, initial=0) > 0) for column in norms.T])
        if kept.sum() < 2 or not np.isfinite(test[:, kept]).any():
            continue
        widths = np.nanmax(norms[:, kept], axis=0)
        if (np.nanmin(norms[:, kept], axis=0) > SAME_NORM * widths).all():
            places = np.asarray(values, dtype="float64")
            label = axis_label(key, sweep.roles)
            found.append(Plane(panel, key, label, widths, places, train[:, kept], test[:, kept]))
    return found
