"""Reduced losses over the weight norm and a second key, as maps (Omnigrok, Figures 6 and 9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

from grok.analysis.numbers.decay import law_text
from grok.analysis.numbers.flow import EQUAL, OF_THE_PLANE, FlowPath, arrival_law
from grok.analysis.numbers.labels import number, panel_title
from grok.analysis.numbers.layout import choose
from grok.analysis.numbers.reduced import LEVEL, PLANE_MAPS, Plane, planes
from grok.analysis.numbers.scales import borders, loss_limits, over_a_decade
from grok.analysis.pictures.canvas import legend_above, log_scale, tell_left_out
from grok.analysis.pictures.palette import (
    CONTOUR,
    INK,
    LAW,
    LOSS_MAP,
    STAR,
    Palette,
    part,
    show_missing,
)
from grok.analysis.read.sweep import Sweep

SIZES_LEVEL = 0.02
"""Train loss of the contours that are compared between panels (Omnigrok, Figure 6e)."""
MOST_ARROWS = 14
PATH_COLOURS = part("plasma", 0.0, 0.85)
STYLES: dict[str, Any] = {EQUAL: "-", OF_THE_PLANE: ":"}
"""Of paths, by the rate of the representation."""


def draw_planes(sweep: Sweep, _palette: Palette) -> Figure | None:
    """Train and test loss at the last step, a row a panel, with what the paper marks on them.

    The contour of train loss 0.05 parts the plane; arrows go down the train loss, longer where it
    is steeper; a star is where test loss is lowest. None unless the initial scale and another
    numeric key are axes.
    """
    found = planes(sweep)
    if not found:
        return None
    figure = Figure(figsize=(8.6, 3.4 * len(found) + 0.5), layout="constrained")
    rows = figure.subplots(len(found), PLANE_MAPS, squeeze=False)
    for line, plane in zip(rows, found, strict=True):
        for axes, losses, name in zip(
            line, (plane.train, plane.test), ("train", "test"), strict=True
        ):
            shade(figure, axes, plane, losses, f"{name} loss")
            mark(axes, plane)
        _draw_arrows(line[0], plane)
    tell_left_out(figure, choose(sweep, PLANE_MAPS))
    legend_above(figure, _marks())
    return figure


def draw_boundaries(sweep: Sweep, _palette: Palette) -> Figure | None:
    """The contours of train loss 0.02 of all panels in one picture (Omnigrok, Figure 6e).

    None for fewer than two panels.
    """
    found = planes(sweep)
    if len(found) < 2:
        return None
    figure = Figure(figsize=(5.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for i, plane in enumerate(found):
        colour = PATH_COLOURS(i / (len(found) - 1))
        norms = plane.boundary(SIZES_LEVEL)
        axes.plot(norms, plane.values, "o-", color=colour, markersize=3, label=_title(plane))
    log_scale(axes, "x")
    axes.set(xlabel="weight norm (L2)", ylabel=found[0].label)
    axes.set_title(f"contours of train loss {SIZES_LEVEL}", fontsize=9)
    tell_left_out(figure, choose(sweep, PLANE_MAPS))
    axes.legend(fontsize=8, frameon=False)
    return figure


def draw_flows(sweep: Sweep, paths: Sequence[FlowPath]) -> Figure:
    """Paths of the reduced dynamics over both maps, test loss along them, and when they arrive.

    Source: Omnigrok, Figure 6 c and f.
    """
    (plane,) = planes(sweep)
    figure = Figure(figsize=(9.4, 8.0), layout="constrained")
    (left, right), (along, arrivals) = figure.subplots(2, 2)
    for axes, losses, name in ((left, plane.train, "train"), (right, plane.test, "test")):
        shade(figure, axes, plane, losses, f"{name} loss")
        mark(axes, plane)
        for path, colour in zip(paths, _colours(paths), strict=True):
            axes.plot(path.norms, path.values, STYLES[path.rate], color=colour, linewidth=1.6)
        start = paths[0].norms[0], paths[0].values[0]
        axes.plot(*start, "o", color="white", markeredgecolor=INK)
    for path, colour in zip(paths, _colours(paths), strict=True):
        label = f"weight decay {number(path.gamma)}" if path.rate == EQUAL else None
        along.plot(path.gamma * path.time, path.test, STYLES[path.rate], color=colour, label=label)
    along.set(xlabel="time x weight decay", ylabel="test loss")
    log_scale(along, "xy")
    along.legend(fontsize=8, frameon=False)
    for rate, marker, filling in ((EQUAL, "o", "full"), (OF_THE_PLANE, "D", "none")):
        own = [path for path in paths if path.rate == rate]
        law = arrival_law(own)
        label = f"rate {rate}: arrival" + ("" if law is None else f" ~ {law_text(law)}")
        times = [path.gamma for path in own], [path.arrival for path in own]
        arrivals.plot(*times, marker, color=INK, label=label, fillstyle=filling)
    arrivals.plot([path.gamma for path in own], [path.predicted for path in own], "-.", color=LAW,
                  label="(L + h tan theta) / weight decay")  # fmt: skip
    arrivals.set(xlabel="weight decay", ylabel="time (1 / decoder learning rate)")
    log_scale(arrivals, "xy")
    arrivals.legend(fontsize=7, frameon=False, loc="lower left")
    rates = [
        Line2D([], [], linestyle=style, color=INK, label=f"rate of the representation {rate}")
        for rate, style in STYLES.items()
    ]
    legend_above(figure, [*_marks(), *rates])
    return figure


def shade(figure: Figure, axes: Axes, plane: Plane, losses: NDArray[np.float64], name: str) -> None:
    """One loss as a map on logarithmic colours, over the norm (logarithmic) and the key."""
    low, high = loss_limits(losses)
    scale, tall = LogNorm(low, high), over_a_decade(plane.values)
    edges = borders(plane.norms, logarithmic=True), borders(plane.values, logarithmic=tall)
    shown = axes.pcolormesh(*edges, np.maximum(losses, low), cmap=colormaps[LOSS_MAP], norm=scale)
    show_missing(axes)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(lambda value, _: number(float(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yscale("log" if tall else "linear")
    axes.set_title("\n".join(filter(None, [name, _title(plane)])), fontsize=8)
    axes.set_xlabel("weight norm (L2)", fontsize=8)
    axes.set_ylabel(plane.label, fontsize=8)
    axes.tick_params(labelsize=8)
    figure.colorbar(shown, ax=axes, aspect=25)


def mark(axes: Axes, plane: Plane) -> None:
    """The boundary and the generalising solution."""
    there = np.isfinite(plane.train).any(axis=1)
    line = plane.boundary()[there], plane.values[there]
    axes.plot(*line, "--", color=CONTOUR, linewidth=1.6)
    axes.plot(*plane.best, "*", color=STAR, markersize=12, markeredgecolor="white")


def _marks() -> list[Line2D]:
    star = {"color": STAR, "markersize": 10, "markeredgecolor": "white"}
    return [
        Line2D([], [], linestyle="--", color=CONTOUR, label=f"train loss falls to {LEVEL}"),
        Line2D([], [], linestyle="", marker="*", label="lowest test loss", **star),  # type: ignore[arg-type]
    ]


def _draw_arrows(axes: Axes, plane: Plane) -> None:
    """Down the train loss as seen in the picture: each axis counts from 0 to 1."""
    if min(plane.train.shape) < 3 or axes.get_yscale() == "log":
        return
    arrows = plane.downhill()
    if arrows is None:
        return
    right, up = arrows
    rows, columns = (slice(None, None, -(-n // MOST_ARROWS)) for n in plane.train.shape)
    part_of = (rows, columns)
    axes.quiver(
        plane.norms[columns], plane.values[rows],
        right[part_of], up[part_of],
        angles="uv", color=INK, scale=22, width=0.003,
    )  # fmt: skip


def _colours(paths: Sequence[FlowPath]) -> list[tuple[float, ...]]:
    """One for each weight decay."""
    gammas = list(dict.fromkeys(path.gamma for path in paths))
    return [PATH_COLOURS(gammas.index(path.gamma) / max(len(gammas) - 1, 1)) for path in paths]


def _title(plane: Plane) -> str:
    return panel_title(plane.panel).replace("\n", ", ")
