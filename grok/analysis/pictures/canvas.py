"""Figures of panels, and their way to the disk. No global state: nothing here is pyplot's."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter
from numpy.typing import NDArray

from grok.analysis.numbers.labels import (
    axis_label,
    left_out,
    panel_title,
    tick_positions,
    tick_texts,
)
from grok.analysis.numbers.layout import Layout
from grok.analysis.pictures.palette import Palette, implied_look
from grok.phases import Phase
from grok.printable import printable, printable_lines

FORMATS = ("png", "pdf")
DPI = 150
LEGEND_POINTS = 8
ENTRY_INCHES, ROW_INCHES = 0.6, 0.17
"""Of an entry of a legend the line and the space around, and of a row of entries the height."""
MOST_COLUMNS = 4


def panel_figure(layout: Layout, extra_width: float = 0.0) -> tuple[Figure, list[Axes]]:
    """A figure of one titled, empty panel for each of `layout.panels`, and its axes in order.

    `extra_width` is inches beside the panels, for colour bars and legends.
    """
    side = 3.6 if len(layout.panels) == 1 else 2.3
    size = (side * layout.columns + 0.9 + extra_width, side * layout.rows + 1.2)
    figure = Figure(figsize=(max(size[0], 5.2), size[1]), layout="constrained")
    grid = figure.subplots(layout.rows, layout.columns, squeeze=False)
    axes = list(grid.flat)
    for spare in axes[len(layout.panels) :]:
        spare.remove()
    for one, panel in zip(axes, layout.panels, strict=False):
        one.set_title(panel_title(panel), fontsize=8)
        one.tick_params(labelsize=8)
    tell_left_out(figure, layout)
    return figure, axes[: len(layout.panels)]


def tell_left_out(figure: Figure, layout: Layout) -> None:
    """Say over the panels, where they aren't all, how many there are."""
    if layout.left_out:
        figure.suptitle(left_out(layout), fontsize=10)


def grid_figure(count: int, extra_width: float = 0.0) -> tuple[Figure, list[Axes]]:
    """A figure of `count` empty panels for lines, at most four in a row, and its axes in order.

    `extra_width` is inches beside the panels, for a colour bar.
    """
    columns = min(count, MOST_COLUMNS)
    rows = -(-count // columns)
    size = (2.6 * columns + 0.6 + extra_width, 2.5 * rows + 0.7)
    figure = Figure(figsize=size, layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in axes[count:]:
        spare.remove()
    return figure, axes[:count]


def log_scale(axes: Axes, names: str) -> None:
    """Logarithmic scales, once all is drawn, for those of the axes x and y that `names` names.

    An axis of nothing positive has no logarithm and stays linear.
    """
    least = {"x": axes.dataLim.minposx, "y": axes.dataLim.minposy}
    for name in names:
        if np.isfinite(least[name]):
            axes.set(**{f"{name}scale": "log"})


def label_cells(axes: list[Axes], layout: Layout) -> None:
    """Ticks from the values on every panel of cells, and the axes' names."""
    assert layout.x is not None
    assert layout.y is not None
    most = 7 if len(axes) == 1 else 5
    across, down = tick_positions(len(layout.xs), most), tick_positions(len(layout.ys), most)
    for one in axes:
        one.set_xticks(across, tick_texts([layout.xs[index] for index in across]))
        one.set_yticks(down, tick_texts([layout.ys[index] for index in down]))
    x, y = axis_label(layout.x, layout.roles), axis_label(layout.y, layout.roles)
    name_axes(axes, layout.columns, x, y)


def hatch_implied(axes: Axes, codes: NDArray[np.float64], palette: Palette) -> None:
    """Hatch the cells of `codes`, the place of their phase in `Phase`, that aren't NaN."""
    for number, phase in enumerate(Phase):
        squares = [Rectangle((x - 0.5, y - 0.5), 1, 1) for y, x in np.argwhere(codes == number)]
        look = implied_look(palette[phase])
        axes.add_collection(PatchCollection(squares, linewidth=0, **look))


def name_axes(axes: list[Axes], columns: int, x: str, y: str) -> None:
    """Write `x` below the lowest panel of each column and `y` beside the first of each row."""
    size = 10 if len(axes) == 1 else 8
    for one in axes[-columns:]:
        one.set_xlabel(x, fontsize=size)
    for one in axes[::columns]:
        one.set_ylabel(y, fontsize=size)


def legend_above(figure: Figure, handles: Sequence[Artist]) -> None:
    """A legend over all panels, as many entries in a row as the figure is wide enough for.

    A figure narrower than an entry is made as wide, and one of several rows higher by them.
    """
    wide = ENTRY_INCHES + max((_inches(str(each.get_label())) for each in handles), default=0)
    figure.set_figwidth(max(figure.get_figwidth(), wide))
    columns = int(figure.get_figwidth() / wide)
    rows = -(-len(handles) // columns)
    figure.set_figheight(figure.get_figheight() + ROW_INCHES * max(rows - 1, 0))
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=columns,
        fontsize=LEGEND_POINTS,
        frameon=False,
    )


def _inches(label: str) -> float:
    """How wide an entry of a legend is written."""
    font = get_font(findfont(FontProperties()))
    font.set_size(LEGEND_POINTS, 72)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        font.set_text(printable(label))
    width: int = font.get_width_height()[0]
    return width / 64 / 72


def save(figure: Figure, path: Path, suffix: str) -> None:
    """Write `figure` to `path` in the format that `suffix` names, one of `FORMATS`."""
    take_literally(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # it is drawn as a box
        figure.savefig(path, format=suffix, dpi=DPI)


def take_literally(figure: Figure) -> None:
    """Texts are what they are, also with two ``$``; but for the powers of ten along an axis."""
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_parse_math(False)
        text.set_text("\n".join(printable_lines(text.get_text())))
    for axis in figure.findobj(Axis):
        assert isinstance(axis, Axis)
        for formatter, ticks in (
            (axis.get_major_formatter(), axis.get_major_ticks()),
            (axis.get_minor_formatter(), axis.get_minor_ticks()),
        ):
            for label in (label for tick in ticks for label in (tick.label1, tick.label2)):
                label.set_parse_math(isinstance(formatter, LogFormatter))
