"""Which swept keys are axes and which are panels, and a column of the table laid out so."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grok.analysis.read.sweep import Sweep
from grok.record.meaning import FIRST_AXES, LEARNING_RATE, is_seed, keys_of

MOST_PANEL_COLUMNS = 6
MOST_PANELS = 24
"""Drawn in a picture: each takes a tenth of a second and more, and they get no smaller."""

Selection = dict[str, Any]


@dataclass(frozen=True)
class Layout:
    """The axes and the panels of a sweep's pictures.

    Attributes:
        x: key of the horizontal axis; None where nothing is swept.
        y: key of the vertical axis; None where members are drawn as lines.
        xs, ys: values of the axes, as of `swept`.
        panels: the value of every other key, one dictionary a panel, row by row.
        columns: panels in a row.
        left_out: further settings of the other keys, too many to draw.
        roles: what keys mean, as of the sweep.
    """

    x: str | None
    y: str | None
    xs: list[Any]
    ys: list[Any]
    panels: list[Selection]
    columns: int
    left_out: int = 0
    roles: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows of panels."""
        return math.ceil(len(self.panels) / self.columns)


def phase_layout(sweep: Sweep) -> Layout | None:
    """That of the phase diagrams.

    None where fewer than two numeric keys are swept, or over so many seeds that `draw_seeds`, which
    sums them up, is drawn instead.
    """
    layout = choose(sweep)
    summed_up = layout.left_out and any(is_seed(key) for key in layout.panels[0])
    return None if layout.y is None or summed_up else layout


def choose(sweep: Sweep, maps: int = 1) -> Layout:
    """Axes and panels of `sweep` (Re-TUG, Figures 1 and 7 to 10).

    The axes are the decoder's learning rate and weight decay if swept, then the numeric keys of
    most distinct values; a learning rate goes on x. The last remaining key counts the columns of
    panels and the others the rows. With a single numeric key, or none, members form lines. Of very
    many panels these are the first. A landscape, held at its norms, goes on no seed.

    Args:
        maps: how many a picture draws of each panel.
    """
    values = swept(sweep)
    placed = {k: v for k, v in values.items() if not (sweep.constrained and is_seed(k))}
    x, y = _axes(placed, sweep.roles)
    others = {key: found for key, found in values.items() if key not in (x, y)}
    last = list(others.values())[-1] if others else [None]
    settings, most = math.prod(map(len, others.values())), MOST_PANELS // maps
    aligned = len(others) > 1 and settings <= most
    return Layout(
        x,
        y,
        xs=values[x] if x is not None else [],
        ys=values[y] if y is not None else [],
        panels=[
            dict(zip(others, each, strict=True))
            for each in itertools.islice(itertools.product(*others.values()), most)
        ],
        columns=len(last) if aligned else min(len(last), MOST_PANEL_COLUMNS),
        left_out=max(0, settings - most),
        roles=sweep.roles,
    )


def swept(sweep: Sweep) -> dict[str, list[Any]]:
    """The distinct values of every key that has several: numbers sorted, texts as planned."""
    found = {key: sweep.planned[key].unique().tolist() for key in sweep.keys}
    return {
        key: sorted(values) if numeric(values) else values
        for key, values in found.items()
        if len(values) > 1
    }


def numeric(values: list[Any]) -> bool:
    """Whether an axis of `values` has a scale (texts only have an order)."""
    return not any(isinstance(value, str) for value in values)


def select(table: pd.DataFrame, panel: Selection) -> pd.DataFrame:
    """The rows of one panel."""
    for key, value in panel.items():
        table = table[table[key] == value]
    return table


def cells(
    table: pd.DataFrame, layout: Layout, panel: Selection, values: pd.Series
) -> NDArray[np.float64]:
    """`values` of one panel as an image of shape (len(ys), len(xs)), NaN where none is.

    Row 0 is the smallest value of y: drawn on top, y increases downward as in the paper. Of two
    jobs with the same settings the later one shows.
    """
    image = np.full((len(layout.ys), len(layout.xs)), np.nan)
    shown = select(table, panel)
    rows = [layout.ys.index(value) for value in shown[layout.y]]
    columns = [layout.xs.index(value) for value in shown[layout.x]]
    image[rows, columns] = values.reindex(shown.index)
    return image


def _axes(values: dict[str, list[Any]], roles: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The keys of x and y among the swept ones."""
    ranked = sorted(
        (key for key in values if numeric(values[key])),
        key=lambda key: (roles.get(key) not in FIRST_AXES, is_seed(key), -len(values[key])),
    )
    if len(ranked) < 2:
        return next(iter([*ranked, *values]), None), None
    first, second = sorted(ranked[:2], key=list(values).index)
    rates = keys_of(roles, LEARNING_RATE)
    return (second, first) if second in rates and first not in rates else (first, second)
