"""The discrete phase diagram (Re-TUG, Figure 1) and the smooth one (section 4.2)."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from grok.analysis.canvas import label_cells, panel_figure
from grok.analysis.layout import Layout, cells, choose
from grok.analysis.palette import (
    Palette,
    delay_colours,
    missing_patch,
    phase_colours,
    phase_patches,
    show_missing,
    stuck_colours,
)
from grok.analysis.table import Sweep
from grok.phases import Phase, smooth_value

GAP_COLOUR = "red"


def discrete(sweep: Sweep, palette: Palette) -> Figure | None:
    """The phase of every cell, a panel for each setting beyond two keys (Re-TUG, Figures 1, 7-10).

    Each panel is an image of shape (len(ys), len(xs)): the phase's place in `Phase`, NaN where a
    member is missing. None where fewer than two numeric keys are swept.
    """
    layout = choose(sweep)
    if layout.y is None:
        return None
    figure, axes = panel_figure(layout)
    codes = sweep.table["phase"].map(list(Phase).index)
    images = [cells(sweep.table, layout, panel, codes) for panel in layout.panels]
    for one, image in zip(axes, images, strict=True):
        one.imshow(image, phase_colours(palette), vmin=0, vmax=len(Phase) - 1, aspect="auto")
        show_missing(one)
    label_cells(figure, axes, layout)
    _legend(figure, [*phase_patches(palette), *_missing(images)])
    return figure


def smooth(sweep: Sweep, _palette: Palette) -> Figure | None:
    """How long every cell took (Re-TUG, section 4.2, Figures 3 to 5), on two logarithmic scales.

    Each panel holds two images of shape (len(ys), len(xs)): T_val - T_train of the members that
    generalise, clipped to the scale's floor since a delay can be zero or negative; and T_train
    (memorization) or the budget (confusion) of the others. NaN elsewhere. None where fewer than
    two numeric keys are swept.
    """
    layout = choose(sweep)
    if layout.y is None:
        return None
    figure, axes = panel_figure(layout, extra_width=1.8)
    steps, generalises = smooth_steps(sweep.table)
    images = [cells(sweep.table, layout, panel, steps) for panel in layout.panels]
    ceiling = int(sweep.table["budget"].max())
    delay = _scale(steps[generalises], ceiling, delay_colours())
    stuck = _scale(steps[~generalises], ceiling, stuck_colours())
    for one, panel in zip(axes, layout.panels, strict=True):
        _draw(one, cells(sweep.table, layout, panel, steps[generalises]), delay)
        _draw(one, cells(sweep.table, layout, panel, steps[~generalises]), stuck)
        show_missing(one)
    label_cells(figure, axes, layout)
    figure.colorbar(stuck, ax=axes, label="T_train, or the budget if confused (steps)")
    bar = figure.colorbar(delay, ax=axes, label="T_val - T_train (steps)", extend="min")
    gaps = [gap for gap in sweep.gaps if delay.norm.vmin <= gap <= ceiling]
    _legend(figure, [*_missing(images), *(_mark(bar.ax, gap) for gap in gaps)])
    return figure


def smooth_steps(table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """`grok.phases.smooth_value` of every member, and whether the member generalises."""
    phases = [Phase(phase) for phase in table["phase"]]
    times = zip(phases, table["t_train"], table["t_val"], table["budget"], strict=True)
    steps = [
        smooth_value(phase, _step(t_train), _step(t_val), int(budget))
        for phase, t_train, t_val, budget in times
    ]
    generalises = [phase.generalises for phase in phases]
    return pd.Series(steps, table.index), pd.Series(generalises, table.index)


def _step(value: int) -> int | None:
    return None if pd.isna(value) else int(value)


def _scale(steps: pd.Series, ceiling: int, colours: Colormap) -> ScalarMappable:
    """From the power of ten below the smallest positive number of steps up to the budget."""
    smallest = steps[steps > 0].min()
    floor = 1 if math.isnan(smallest) else 10 ** math.floor(math.log10(smallest))
    return ScalarMappable(LogNorm(floor, max(ceiling, 10 * floor)), colours)


def _draw(axes: Axes, image: NDArray[np.float64], scale: ScalarMappable) -> None:
    clipped = np.maximum(image, scale.norm.vmin)
    axes.imshow(clipped, scale.cmap, norm=scale.norm, aspect="auto")


def _mark(bar: Axes, gap: int) -> Line2D:
    """A line across a colour bar where a delay becomes grokking, and its entry in the legend."""
    line = bar.axhline(gap, color=GAP_COLOUR, linewidth=2)
    line.set_label(f"grokking from {gap} steps")
    return line


def _missing(images: list[NDArray[np.float64]]) -> list[Patch]:
    return [missing_patch()] if any(np.isnan(image).any() for image in images) else []


def _legend(figure: Figure, handles: list[Patch | Line2D]) -> None:
    figure.legend(handles=handles, loc="outside upper center", ncols=5, fontsize=8, frameon=False)
