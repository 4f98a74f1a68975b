"""T_train and T_val against the one swept key: a phase diagram of one dimension."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.analysis.canvas import panel_figure
from grok.analysis.labels import axis_label, positions, tick_positions, tick_texts
from grok.analysis.layout import Layout, choose, numeric, select
from grok.analysis.palette import Palette, missing_patch, phase_patches, show_missing
from grok.analysis.table import Sweep
from grok.phases import Phase

SHADE = 0.35


def draw(sweep: Sweep, palette: Palette) -> Figure | None:
    """T_train and T_val (steps, logarithmic) against the swept key, the phases as background.

    A panel for each value of the other keys, where those are texts. x is logarithmic where its
    values are positive and span more than a decade. None unless one key is on an axis.
    """
    layout = choose(sweep)
    if layout.x is None or layout.y is not None:
        return None
    figure, axes = panel_figure(layout, extra_width=1.0)
    for one, panel in zip(axes, layout.panels, strict=True):
        shown = select(sweep.table, panel).sort_values(layout.x)
        _scale_axes(one, layout)
        _shade(one, layout, shown, palette)
        _draw_times(one, layout, shown)
    figure.supxlabel(axis_label(layout.x), fontsize=10)
    figure.supylabel("optimizer steps", fontsize=10)
    _legend(figure, axes[0], sweep, palette)
    return figure


def _scale_axes(axes: Axes, layout: Layout) -> None:
    axes.set_yscale("log")
    places = positions(layout.xs)
    if _is_logarithmic(layout):
        axes.set_xscale("log")
    elif not numeric(layout.xs):
        across = tick_positions(len(places), most=5)
        axes.set_xticks(across, tick_texts([layout.xs[index] for index in across]))
    edges = _edges(places, _is_logarithmic(layout))
    axes.set_xlim(edges[0], edges[-1])


def _is_logarithmic(layout: Layout) -> bool:
    xs = layout.xs
    return numeric(xs) and bool(xs[0] > 0) and bool(xs[-1] > 10 * xs[0])


def _edges(places: list[float], logarithmic: bool) -> list[float]:
    """The borders between neighbours, one more than `places`, halfway on the axis's own scale."""
    scaled = np.log10(places) if logarithmic else np.asarray(places)
    inner = (scaled[1:] + scaled[:-1]) / 2
    ends = scaled[0] * 2 - inner[0], scaled[-1] * 2 - inner[-1]
    edges = np.array([ends[0], *inner, ends[1]])
    return list(10**edges if logarithmic else edges)


def _shade(axes: Axes, layout: Layout, shown: pd.DataFrame, palette: Palette) -> None:
    """The phase of every member behind the lines, hatched where it is missing."""
    edges = _edges(positions(layout.xs), _is_logarithmic(layout))
    phases = dict(zip(shown[layout.x], shown["phase"], strict=True))
    show_missing(axes)
    for value, left, right in zip(layout.xs, edges, edges[1:], strict=False):
        if value in phases:
            axes.axvspan(left, right, color="white", linewidth=0)
            colour = palette[Phase(phases[value])]
            axes.axvspan(left, right, color=colour, alpha=SHADE, linewidth=0)


def _draw_times(axes: Axes, layout: Layout, shown: pd.DataFrame) -> None:
    place = dict(zip(layout.xs, positions(layout.xs), strict=True))
    x = [place[value] for value in shown[layout.x]]
    for column, label, style in (("t_train", "T_train", "o--"), ("t_val", "T_val", "s-")):
        steps = shown[column].to_numpy(dtype="float64", na_value=np.nan)
        axes.plot(x, steps, style, color="#333333", markersize=4, label=label)
    for budget in shown["budget"].unique():
        axes.axhline(budget, color="#D55E00", linestyle=":", label="budget")


def _legend(figure: Figure, axes: Axes, sweep: Sweep, palette: Palette) -> None:
    handles, labels = axes.get_legend_handles_labels()
    lines = list(dict(zip(labels, handles, strict=True)).values())
    patches = phase_patches(palette, SHADE) + [missing_patch()] * bool(sweep.missing)
    figure.legend(handles=lines + patches, loc="outside right center", fontsize=8, frameon=False)
