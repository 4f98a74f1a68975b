"""What the seeds do to a phase diagram (Re-TUG, Appendix A, Figures 7 and 8, as statistics)."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy import stats

from grok.analysis.pictures.canvas import label_cells, legend_above
from grok.analysis.pictures.labels import panel_title
from grok.analysis.pictures.layout import (
    MOST_PANELS,
    SEEDS,
    Layout,
    Selection,
    cells,
    choose,
    select,
    swept,
)
from grok.analysis.pictures.palette import Palette, missing_patch, phase_patches, show_missing
from grok.analysis.read.table import Sweep
from grok.phases import Phase

PHASES = [str(phase) for phase in Phase]
CONFIDENCE = 0.95
MAPS = 2


def axes_of(sweep: Sweep) -> list[str]:
    """The seeds that are swept beyond the two keys of a phase diagram; none without a diagram."""
    layout = choose(sweep)
    if layout.y is None:
        return []
    return [
        key for key in swept(sweep) if key.startswith(SEEDS) and key not in (layout.x, layout.y)
    ]


def table(sweep: Sweep) -> pd.DataFrame | None:
    """One row a phase and seed setting (and setting of further keys): how common the phase is.

    Columns: further swept keys, the seeds, ``phase``, ``fraction`` of the finished cells of that
    seed setting, ``cells`` (how many those are), and, the same for all seed settings, the ``mean``
    of the fractions with its 95 % interval ``low`` to ``high`` (`mean_interval`). None where no
    seed is swept beyond a phase diagram's keys.
    """
    seeds = axes_of(sweep)
    if not seeds:
        return None
    found = [_fractions(members, seeds).assign(**panel) for panel, members in _panels(sweep, seeds)]
    others = [key for key in found[0] if key in sweep.keys and key not in seeds]
    columns = [*others, *seeds, "phase", "fraction", "cells", "mean", "low", "high"]
    return pd.concat(found, ignore_index=True)[columns]


def mean_interval(fractions: pd.Series) -> tuple[float, float, float]:
    """The mean of `fractions` and its 95 % confidence interval, by Student's t, within 0 to 1.

    Every seed setting counts as an independent draw. Where data and model seeds are crossed,
    settings of the same data seed aren't, and the true interval is wider. NaN ends for one setting.
    """
    mean, settings = float(fractions.mean()), len(fractions)
    if settings < 2:
        return mean, float("nan"), float("nan")
    margin = float(stats.t.ppf((1 + CONFIDENCE) / 2, settings - 1) * fractions.sem())
    return mean, max(mean - margin, 0.0), min(mean + margin, 1.0)


def commonest(members: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """For every cell over `keys`, its most common ``phase`` and the ``share`` that has it.

    Of equally common phases it is the first of Table 1. The share is of the finished members.
    """
    counts = pd.crosstab([members[key] for key in keys], members["phase"])
    counts = counts.reindex(columns=PHASES, fill_value=0)
    shares = counts.max(axis=1) / counts.sum(axis=1)
    return pd.DataFrame({"phase": counts.idxmax(axis=1), "share": shares}).reset_index()


def draw(sweep: Sweep, palette: Palette) -> Figure | None:
    """The most common phase of every cell, and how common each phase is, a row a further setting.

    On the left a cell's square has the colour of its most common phase over the seeds and, as its
    area, the share of seed settings with it: full where all agree. On the right a dot for each
    seed setting, and the mean with its 95 % interval. None where `table` is.
    """
    seeds = axes_of(sweep)
    if not seeds:
        return None
    layout, every = choose(sweep), _panels(sweep, seeds)
    panels = every[: MOST_PANELS // MAPS]
    rows = len(panels)
    figure = Figure(figsize=(8.4, 3.6 * rows + 0.8), layout="constrained")
    grid = figure.subplots(rows, MAPS, squeeze=False)
    gaps = False
    for (left, right), (panel, members) in zip(grid, panels, strict=True):
        gaps |= _draw_cells(left, layout, members, palette)
        label_cells([left], layout)
        _draw_fractions(right, _fractions(members, seeds), palette)
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


def _panels(sweep: Sweep, seeds: list[str]) -> list[tuple[Selection, pd.DataFrame]]:
    """The finished members for each setting of what is neither an axis nor a seed."""
    layout = choose(sweep)
    others = {
        key: values
        for key, values in swept(sweep).items()
        if key not in (layout.x, layout.y, *seeds)
    }
    settings = [
        dict(zip(others, values, strict=True)) for values in itertools.product(*others.values())
    ]
    kept = sweep.table.drop_duplicates(sweep.keys, keep="last")
    found = [(setting, select(kept, setting)) for setting in settings]
    return [(setting, members) for setting, members in found if not members.empty]


def _fractions(members: pd.DataFrame, seeds: list[str]) -> pd.DataFrame:
    """The rows of `table` for one panel."""
    counts = pd.crosstab([members[key] for key in seeds], members["phase"])
    counts = counts.reindex(columns=PHASES, fill_value=0)
    totals = counts.sum(axis=1)
    shares = counts.div(totals, axis=0)
    rows = shares.assign(cells=totals).reset_index()
    rows = rows.melt([*seeds, "cells"], PHASES, var_name="phase", value_name="fraction")
    bounds = {phase: mean_interval(shares[phase]) for phase in PHASES}
    rows[["mean", "low", "high"]] = [bounds[phase] for phase in rows["phase"]]
    return rows


def _draw_cells(axes: Axes, layout: Layout, members: pd.DataFrame, palette: Palette) -> bool:
    """A square for each cell; whether any is missing."""
    assert layout.x is not None
    assert layout.y is not None
    found = commonest(members, [layout.x, layout.y])
    shares = cells(found, layout, {}, found["share"])
    codes = cells(found, layout, {}, found["phase"].map(PHASES.index))
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
        mean, low, high = shown[["mean", "low", "high"]].iloc[0]
        spread = np.linspace(-0.3, -0.05, len(shown)) + place
        axes.plot(
            spread, shown["fraction"], "o", color=palette[phase], markersize=4,
            markeredgecolor="#333333", markeredgewidth=0.4,
        )  # fmt: skip
        axes.errorbar(
            place + 0.2, mean, [[mean - low], [high - mean]], fmt="D", color="#333333",
            markerfacecolor=palette[phase], markersize=6, capsize=4,
        )  # fmt: skip
    axes.set_xticks(range(len(PHASES)), PHASES)
    axes.set(ylim=(0, None), ylabel="fraction of cells")
