"""Members against the one swept key: a phase diagram of one dimension."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grok.analysis.numbers.layout import Layout, Selection, choose, numeric, select
from grok.analysis.numbers.scales import borders, over_a_decade
from grok.analysis.read.sweep import Sweep


def line_layout(sweep: Sweep) -> Layout | None:
    """A panel for each setting of the other keys, texts; None unless a single key is on an axis."""
    layout = choose(sweep)
    return layout if layout.x is not None and layout.y is None else None


def line_members(table: pd.DataFrame, layout: Layout, panel: Selection) -> pd.DataFrame:
    """A row for each value of x, blank where a member is missing; of two jobs the later one."""
    shown = select(table, panel).drop_duplicates(layout.x, keep="last")
    return shown.set_index(layout.x).reindex(layout.xs)


def has_scale(layout: Layout) -> bool:
    """Whether the values of x lie at themselves, and not in their order alone, as texts do.

    So do numbers over decades with 0 among them, which no scale has room for.
    """
    xs = layout.xs
    return numeric(xs) and not (len(xs) > 1 and xs[0] == 0 and over_a_decade(xs[1:]))


def positions(layout: Layout) -> NDArray[np.float64]:
    """Where the values of x lie: at themselves, or at their place in the order."""
    return np.asarray(layout.xs if has_scale(layout) else range(len(layout.xs)), dtype="float64")


def is_logarithmic(layout: Layout) -> bool:
    """Whether the values of x are positive and span more than a decade."""
    return has_scale(layout) and over_a_decade(layout.xs)


def edges(layout: Layout) -> NDArray[np.float64]:
    """The borders between neighbouring values, one more than those, halfway on x's own scale."""
    return borders(positions(layout), is_logarithmic(layout))
