"""The discrete phase diagram (Re-TUG, Figure 1) and the smooth one (section 4.2)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import Colormap, ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from grok.analysis.numbers.layout import cells, phase_layout
from grok.analysis.numbers.phase_diagram import confused, phase_codes, smooth_steps
from grok.analysis.numbers.scales import step_limits
from grok.analysis.pictures.canvas import hatch_implied, label_cells, legend_above, panel_figure
from grok.analysis.pictures.palette import (
    CONFUSED,
    Palette,
    delay_colours,
    implied_patch,
    missing_patch,
    phase_colours,
    phase_patches,
    show_missing,
    stuck_colours,
)
from grok.analysis.read.sweep import IMPLIED, Sweep
from grok.phases import Phase


def draw_phases(sweep: Sweep, palette: Palette) -> Figure | None:
    """The phase of every cell, a panel for each setting beyond two keys (Re-TUG, Figures 1, 7-10).

    Each panel is an image of shape (len(ys), len(xs)): the phase's place in `Phase`, NaN where a
    member is missing. Implied cells are hatched. None where `phase_layout` is.
    """
    layout = phase_layout(sweep)
    if layout is None:
        return None
    figure, axes = panel_figure(layout)
    known = sweep.known
    codes = phase_codes(known["phase"])
    images = [cells(known, layout, panel, codes) for panel in layout.panels]
    for one, panel, image in zip(axes, layout.panels, images, strict=True):
        one.imshow(image, phase_colours(palette), vmin=0, vmax=len(Phase) - 1, aspect="auto")
        show_missing(one)
        if sweep.has_implied:
            hatch_implied(one, cells(known, layout, panel, codes[known[IMPLIED]]), palette)
    label_cells(axes, layout)
    hatched = [implied_patch()] * sweep.has_implied
    legend_above(figure, [*phase_patches(palette), *hatched, *_missing(images)])
    return figure


def draw_smooth(sweep: Sweep, _palette: Palette) -> Figure | None:
    """How long every cell took (Re-TUG, section 4.2, Figures 3 to 5), on two logarithmic scales.

    Each panel holds two images of shape (len(ys), len(xs)): T_val - T_train of the members that
    generalise, clipped to the scale's floor since a delay can be zero or negative; and T_train
    (memorization) or the budget (confusion) of the others. NaN elsewhere. Cells of confusion are
    crossed besides, black on the colour of late memorization. None where `phase_layout` is.
    """
    layout = phase_layout(sweep)
    if layout is None:
        return None
    figure, axes = panel_figure(layout, extra_width=1.8)
    steps, generalises = smooth_steps(sweep.table)
    images = [cells(sweep.table, layout, panel, steps) for panel in layout.panels]
    ceiling = int(sweep.table["budget"].max())
    delay = _Scale(steps[generalises], ceiling, delay_colours())
    stuck = _Scale(steps[~generalises], ceiling, stuck_colours())
    for one, panel in zip(axes, layout.panels, strict=True):
        delay.draw(one, cells(sweep.table, layout, panel, steps[generalises]))
        stuck.draw(one, cells(sweep.table, layout, panel, steps[~generalises]))
        _cross(one, cells(sweep.table, layout, panel, steps[confused(sweep.table)]))
        show_missing(one)
    label_cells(axes, layout)
    if not generalises.all():
        crossed = "; crossed: confusion, none" if confused(sweep.table).any() else ""
        stuck.add_bar(figure, axes, f"T_train (steps){crossed}", "neither")
    marks = []
    if generalises.any():
        bar = delay.add_bar(figure, axes, "T_val - T_train (steps)", "min")
        marks = [_mark(bar, gap) for gap in sweep.gaps if delay.floor <= gap <= delay.ceiling]
    legend_above(figure, [*_missing(images, sweep), *marks])
    return figure


def draw_train_times(sweep: Sweep, _palette: Palette) -> Figure | None:
    """T_train of every cell, logarithmic (Re-TUG, Figure 6 right); black where it never came.

    Each panel holds two images of shape (len(ys), len(xs)): T_train, and 1 where a member has
    none; NaN elsewhere. None where `phase_layout` is.
    """
    layout = phase_layout(sweep)
    if layout is None:
        return None
    figure, axes = panel_figure(layout, extra_width=0.9)
    steps = sweep.table["t_train"].astype("float64")
    reached = _Scale(steps, int(sweep.table["budget"].max()), colormaps["viridis"])
    never = pd.Series(1.0, sweep.table.index).where(steps.isna())
    images = [cells(sweep.table, layout, panel, never) for panel in layout.panels]
    for one, panel, image in zip(axes, layout.panels, images, strict=True):
        reached.draw(one, cells(sweep.table, layout, panel, steps))
        one.imshow(image, ListedColormap([CONFUSED]), aspect="auto")
        show_missing(one)
    label_cells(axes, layout)
    reached.add_bar(figure, axes, "T_train (steps)", "neither")
    unreached = [Patch(color=CONFUSED, label="never")] if steps.isna().any() else []
    drawn = [cells(sweep.table, layout, panel, steps.fillna(0)) for panel in layout.panels]
    legend_above(figure, [*_missing(drawn, sweep), *unreached])
    return figure


class _Scale:
    """Colours from one of the `step_limits` to the other."""

    def __init__(self, steps: pd.Series, budget: int, colours: Colormap) -> None:
        self.floor, self.ceiling = step_limits(steps, budget)
        self.mappable = ScalarMappable(LogNorm(self.floor, self.ceiling), colours)

    def draw(self, axes: Axes, image: NDArray[np.float64]) -> None:
        """Draw `image` of steps, what is below the floor as the floor."""
        clipped = np.maximum(image, self.floor)
        norm = LogNorm(self.floor, self.ceiling)
        axes.imshow(clipped, self.mappable.cmap, norm=norm, aspect="auto")

    def add_bar(
        self, figure: Figure, axes: list[Axes], label: str, extend: Literal["neither", "min"]
    ) -> Axes:
        """A colour bar beside all panels."""
        bar = figure.colorbar(self.mappable, ax=axes, aspect=30, label=label, extend=extend)
        return bar.ax


def _cross(axes: Axes, image: NDArray[np.float64]) -> None:
    """Cover the cells of `image` that have a number, in black with crosses."""
    found = np.argwhere(np.isfinite(image))
    squares = [Rectangle((x - 0.5, y - 0.5), 1, 1) for y, x in found]
    look: dict[str, Any] = {
        "facecolor": CONFUSED,
        "edgecolor": "#999999",
        "hatch": "xxxx",
        "linewidth": 0,
    }
    axes.add_collection(PatchCollection(squares, **look))


def _mark(bar: Axes, gap: int) -> Line2D:
    """A line across a colour bar where a delay becomes grokking, and its entry in the legend."""
    line = bar.axhline(gap, color="black", linewidth=2)
    line.set_label(f"grokking from {gap} steps")
    return line


def _missing(images: list[NDArray[np.float64]], sweep: Sweep | None = None) -> list[Patch]:
    """The legend's entry of cells without a number: among those of `sweep` may be implied ones."""
    label = "not trained" if sweep is not None and sweep.has_implied else "missing"
    return [missing_patch(label)] if any(np.isnan(image).any() for image in images) else []
