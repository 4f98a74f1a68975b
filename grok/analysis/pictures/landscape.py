"""Losses against the weight norm that runs were constrained to (Omnigrok, Figures 2a, 3 and 11).

A run at constant weight norm ends at the reduced losses of that norm: train loss as low as the
norm allows, against it an L, and the test loss found there, against it a U.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from grok.analysis.numbers.labels import panel_title
from grok.analysis.numbers.landscape import (
    LANDSCAPE_MAPS,
    goldilocks,
    landscape_members,
    landscape_table,
    scale_key,
    with_norms,
)
from grok.analysis.numbers.layout import Layout, cells, choose, select, swept
from grok.analysis.numbers.scales import loss_limits
from grok.analysis.pictures.canvas import (
    label_cells,
    legend_above,
    log_scale,
    name_axes,
    panel_figure,
    tell_left_out,
)
from grok.analysis.pictures.palette import INK, TRAIN, VALIDATION, Palette, show_missing
from grok.analysis.read.sweep import Sweep

CONTOURS = (0.1, 0.2, 0.3, 0.4)
SLICES = 4


def draw_landscape(sweep: Sweep, _palette: Palette) -> Figure | None:
    """The L and the U over the initial scale; over two numeric keys maps of losses and errors.

    None where the initial scale isn't swept.
    """
    losses = landscape_table(sweep)
    if losses is None:
        return None
    layout = choose(sweep)
    if layout.y is None:
        return _lines(losses, layout)
    return _maps(landscape_members(sweep), choose(sweep, len(LANDSCAPE_MAPS)))


def draw_slices(sweep: Sweep, _palette: Palette) -> Figure | None:
    """Of a landscape over two keys the L and the U at some values of the other (Figures 4c, 5c).

    Four evenly spaced ones, the least and the largest among them. None where a third key is swept.
    """
    losses, values, scale = landscape_table(sweep), swept(sweep), scale_key(sweep)
    if losses is None or len(values) != 2 or scale not in values or choose(sweep).y is None:
        return None
    (other,) = (key for key in values if key != scale)
    found = values[other]
    places = dict.fromkeys(np.linspace(0, len(found) - 1, SLICES).round().astype(int).tolist())
    panels = [{other: found[place]} for place in places]
    return _lines(losses, Layout(scale, None, values[scale], [], panels, len(panels)))


def _lines(losses: pd.DataFrame, layout: Layout) -> Figure:
    """Train and test loss against the norm, both logarithmic, with the lowest test loss marked."""
    figure, axes = panel_figure(layout)
    for one, panel in zip(axes, layout.panels, strict=True):
        shown = with_norms(select(losses, panel))
        one.plot(shown["norm"], shown["train_loss"], "o-", color=TRAIN, label="train loss")
        one.plot(shown["norm"], shown["test_loss"], "s-", color=VALIDATION, label="test loss")
        best = goldilocks(shown)
        if best is not None:
            one.axvline(best, color=INK, linestyle=":", label="w_c, lowest test loss")
        log_scale(one, "xy")
    name_axes(axes, layout.columns, "weight norm (L2)", "loss at the last step")
    handles, labels = axes[0].get_legend_handles_labels()
    legend_above(figure, list(dict(zip(labels, handles, strict=True)).values()))
    return figure


def _maps(values: pd.DataFrame, layout: Layout) -> Figure:
    """The best losses (logarithmic) and errors (1 - accuracy) of every cell, a row a panel."""
    rows = len(layout.panels)
    figure = Figure(figsize=(3.3 * len(LANDSCAPE_MAPS), 2.9 * rows + 0.6), layout="constrained")
    grid = figure.subplots(rows, len(LANDSCAPE_MAPS), squeeze=False)
    for line, panel in zip(grid, layout.panels, strict=True):
        for one, name in zip(line, LANDSCAPE_MAPS, strict=True):
            image = cells(values, layout, panel, values[name])
            _map(figure, one, image, name)
            title = name.replace("_", " ")
            one.set_title(f"{title}\n{panel_title(panel)}".strip(), fontsize=8)
            one.tick_params(labelsize=7)
        label_cells(list(line), dataclasses.replace(layout, columns=len(LANDSCAPE_MAPS)))
    tell_left_out(figure, layout)
    return figure


def _map(figure: Figure, axes: Axes, image: NDArray[np.float64], name: str) -> None:
    found = image[np.isfinite(image)]
    norm: Normalize = Normalize(0, 1)
    if name.endswith("loss"):
        norm = LogNorm(*loss_limits(image))
        image = np.maximum(image, loss_limits(image)[0])
    shown = axes.imshow(image, "viridis", norm=norm, aspect="auto")
    levels = [level for level in CONTOURS if len(found) and found.min() < level < found.max()]
    if name.endswith("error") and levels and min(image.shape) > 1:
        axes.contour(image, levels=levels, colors="white", linewidths=0.8)
    show_missing(axes)
    figure.colorbar(shown, ax=axes, aspect=25)
