"""What the seeds do to a phase diagram (Re-TUG, Appendix A, Figures 7 and 8, as statistics)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from grok.analysis.numbers.labels import PHASES, panel_title
from grok.analysis.numbers.layout import (
    MOST_PANELS,
    Layout,
    cells,
    choose,
)
from grok.analysis.numbers.phase_diagram import phase_codes
from grok.analysis.numbers.seeds import INTERVAL, commonest, phase_fractions, seed_keys, seed_panels
from grok.analysis.pictures.canvas import label_cells, legend_above
from grok.analysis.pictures.palette import INK, Palette, missing_patch, phase_patches, show_missing
from grok.analysis.read.sweep import Sweep
from grok.phases import Phase

SEED_MAPS = 2


def draw_seeds(sweep: Sweep, palette: Palette) -> Figure | None:
    """The most common phase of every cell, and how common each phase is, a row a further setting.

    On the left a cell's square has the colour of its most common phase over the seeds and, as its
    area, the share of seed settings with it: full where all agree. On the right a dot for each
    seed setting, and the mean with its `mean_interval`. None where no seed is swept.
    """
    seeds = seed_keys(sweep)
    if not seeds:
        return None
    layout, every = choose(sweep), seed_panels(sweep, seeds)
    panels = every[: MOST_PANELS // SEED_MAPS]
    rows = len(panels)
    figure = Figure(figsize=(8.4, 3.6 * rows + 0.8), layout="constrained")
    grid = figure.subplots(rows, SEED_MAPS, squeeze=False)
    gaps = False
    for (left, right), (panel, members) in zip(grid, panels, strict=True):
        gaps |= _draw_cells(left, layout, members, palette)
        label_cells([left], layout)
        _draw_fractions(right, phase_fractions(members, seeds, [layout.x, layout.y]), palette)
        settings = len(members[seeds].drop_duplicates())
        title = f"most common phase of {settings} seed settings; area: their share"
        left.set_title("\n".join(filter(None, [panel_title(panel), title])), fontsize=8)
        right.set_title("cells in each phase, mean and 95 % interval", fontsize=8)
        for one in (left, right):
            one.tick_params(labelsize=8)
    if rows < len(every):
        figure.suptitle(f"the first {rows} of {len(every)} settings", fontsize=10)
    legend_above(figure, [*phase_patches(palette), *[missing_patch()] * gaps])
    return figure


def _draw_cells(axes: Axes, layout: Layout, members: pd.DataFrame, palette: Palette) -> bool:
    """A square for each cell; whether any is missing."""
    assert layout.x is not None
    assert layout.y is not None
    found = commonest(members, [layout.x, layout.y])
    shares = cells(found, layout, {}, found["share"])
    codes = cells(found, layout, {}, phase_codes(found["phase"]))
    # White below the squares, so that only missing cells show the hatching.
    axes.imshow(np.where(np.isnan(shares), np.nan, 0), "Greys", vmin=0, vmax=1, aspect="auto")
    show_missing(axes)
    for number, phase in enumerate(Phase):
        squares = []
        for y, x in np.argwhere(codes == number):
            side = shares[y, x] ** 0.5
            squares.append(Rectangle((x - side / 2, y - side / 2), side, side))
        axes.add_collection(PatchCollection(squares, facecolor=palette[phase], linewidth=0))
    return bool(np.isnan(shares).any())


def _draw_fractions(axes: Axes, rows: pd.DataFrame, palette: Palette) -> None:
    """Dots for the seed settings of each phase, and their mean with its interval."""
    for place, phase in enumerate(Phase):
        shown = rows[rows["phase"] == str(phase)]
        mean, low, high = shown[INTERVAL].iloc[0]
        spread = np.linspace(-0.3, -0.05, len(shown)) + place
        axes.plot(
            spread, shown["fraction"], "o", color=palette[phase], markersize=4,
            markeredgecolor=INK, markeredgewidth=0.4,
        )  # fmt: skip
        axes.errorbar(
            place + 0.2, mean, [[mean - low], [high - mean]], fmt="D", color=INK,
            markerfacecolor=palette[phase], markersize=6, capsize=4,
        )  # fmt: skip
    axes.set_xticks(range(len(PHASES)), PHASES)
    axes.set(ylim=(0, None), ylabel="fraction of cells")
