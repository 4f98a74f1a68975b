"""The range of another sweep on the axes of a wider one (Re-TUG, Figure 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from grok.analysis.numbers.layout import phase_layout, swept
from grok.analysis.read.sweep import Sweep
from grok.errors import UserError

Box = tuple[float, float, float, float]
"""Left, right, top and bottom, in cells from the centre of the first."""


def frame_box(sweep: Sweep, other: Sweep, kinds: Sequence[str]) -> Box:
    """Where the least and the greatest values of `other` lie on the axes of `sweep`.

    Args:
        kinds: the kinds of pictures that are drawn.

    Raises:
        UserError: no phase diagram of `sweep` is drawn, or `other` doesn't sweep its axes, or goes
            beyond them.
    """
    layout, values = phase_layout(sweep), swept(other)
    if "phases" not in kinds or layout is None or layout.x is None or layout.y is None:
        raise UserError(f"--frame: {sweep.folder} has no phase diagram to draw on")
    for key in (layout.x, layout.y):
        if key not in values:
            raise UserError(f"--frame {other.folder}: {key} isn't swept there; choose another")
    for key, places in ((layout.x, layout.xs), (layout.y, layout.ys)):
        low, high = min(values[key]), max(values[key])
        if not (within(low, places) and within(high, places)):
            raise UserError(
                f"--frame {other.folder}: {key} goes from {low:g} to {high:g} there, beyond "
                f"{min(places):g} to {max(places):g} of {sweep.folder}; frame the wider one"
            )
    return (*_ends(layout.xs, values[layout.x]), *_ends(layout.ys, values[layout.y]))


def within(value: float, places: list[Any]) -> bool:
    """Whether a value lies between the ends of an axis, but for rounding."""
    room = 1e-9 * max(map(abs, places))
    return bool(min(places) - room <= value <= max(places) + room)


def _ends(places: list[Any], values: list[Any]) -> tuple[float, float]:
    """The ends of `values` among evenly spaced `places`, between two of them as on their scale."""
    scaled = np.log10 if min(places) > 0 and min(values) > 0 else np.asarray
    ends = np.interp(scaled([min(values), max(values)]), scaled(places), range(len(places)))
    return float(ends[0]), float(ends[1])
