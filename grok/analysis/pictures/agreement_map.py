"""Where two sweeps differ, as a picture: the phases of both, and the cells that aren't equal."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Polygon, Rectangle
from numpy.typing import NDArray

from grok.analysis.numbers.labels import folder_name, panel_title
from grok.analysis.numbers.layout import Selection, cells, choose, select
from grok.analysis.numbers.matching import DIFFERENT, EQUAL, UNDECIDED, Match, implied_in
from grok.analysis.numbers.phase_diagram import phase_codes
from grok.analysis.pictures.canvas import hatch_implied, label_cells, legend_above, tell_left_out
from grok.analysis.pictures.palette import (
    Palette,
    implied_patch,
    missing_patch,
    phase_colours,
    phase_patches,
    show_missing,
)
from grok.phases import Phase

FAINT = 0.25
LEAST_RANGE = 0.05  # of log10: a colour scale finer than 12 % would show noise as structure
UNDECIDED_LOOK: dict[str, Any] = {"facecolor": "white", "edgecolor": "#777777", "hatch": "xxxxx"}
_CODES = {EQUAL: 0, DIFFERENT: 1, UNDECIDED: 2}


def draw_agreement(match: Match, palette: Palette) -> Figure | None:
    """A row of maps for each setting beyond two keys: A, B, where they differ, and their T_val.

    In the third map equal cells are faint, an unequal one has A's colour above its diagonal and
    B's below, and an undecided one is hatched. The fourth, where B has times, shows log10 of
    T_val in A over T_val in B. None where cells are common along fewer than two numeric keys.
    """
    keys = [*match.keys, *match.free_a, *match.free_b]
    table = match.cells.reset_index(drop=True)
    common = dataclasses.replace(match.a, keys=keys, planned=table, table=table, implied=None)
    maps = 4 if match.b.timed and table["log10_t_val"].notna().any() else 3
    layout = choose(common, maps)
    if layout.y is None:
        return None
    rows = len(layout.panels)
    figure = Figure(figsize=(3.1 * maps + 0.6, 2.9 * rows + 1.1), layout="constrained")
    grid = figure.subplots(rows, maps, squeeze=False)
    images = {side: phase_codes(table[f"phase_{side}"]) for side in "ab"}
    limit = max(table["log10_t_val"].abs().max(), LEAST_RANGE)
    for line, panel in zip(grid, layout.panels, strict=True):
        here, there = (cells(table, layout, panel, images[side]) for side in "ab")
        verdict = cells(table, layout, panel, table["verdict"].map(_CODES))
        _phases(line[0], here, palette, f"A: {folder_name(match.a)}")
        _phases(line[1], there, palette, f"B: {folder_name(match.b)}")
        for axes, side in zip(line, "ab", strict=False):
            implied = images[side][implied_in(table, side)]
            hatch_implied(axes, cells(table, layout, panel, implied), palette)
        _difference(line[2], (here, there), verdict, palette, _count(table, panel))
        if maps == 4:
            _times(figure, line[3], cells(table, layout, panel, table["log10_t_val"]), limit)
        label_cells(list(line), dataclasses.replace(layout, columns=maps))
        if panel:
            setting = panel_title(panel).replace("\n", " ")
            line[0].set_title(f"{setting}\n{line[0].get_title()}", fontsize=8)
    tell_left_out(figure, layout)
    legend_above(figure, [*phase_patches(palette), *_entries(table, grid)])
    return figure


def _count(table: pd.DataFrame, panel: Selection) -> str:
    verdicts = select(table, panel)["verdict"]
    return f"different: {(verdicts == DIFFERENT).sum()} of {(verdicts != UNDECIDED).sum()}"


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=8)
    axes.tick_params(labelsize=7)
    show_missing(axes)


def _phases(axes: Axes, image: NDArray[np.float64], palette: Palette, title: str) -> None:
    axes.imshow(image, phase_colours(palette), vmin=0, vmax=len(Phase) - 1, aspect="auto")
    _finish(axes, title)


def _difference(
    axes: Axes,
    images: tuple[NDArray[np.float64], NDArray[np.float64]],
    verdict: NDArray[np.float64],
    palette: Palette,
    title: str,
) -> None:
    """Equal cells faint, others in the colours of both, the undecided hatched."""
    colours = phase_colours(palette)
    faint = phase_colours({phase: _faint(palette[phase]) for phase in Phase})
    axes.imshow(images[0], faint, vmin=0, vmax=len(Phase) - 1, aspect="auto")
    for y, x in np.argwhere(verdict == _CODES[DIFFERENT]):
        for corner, image in zip(((-0.5, -0.5), (0.5, 0.5)), images, strict=True):
            ends = [(x + 0.5, y - 0.5), (x - 0.5, y + 0.5), (x + corner[0], y + corner[1])]
            colour = colours(int(image[y, x]))
            axes.add_patch(Polygon(ends, facecolor=colour, edgecolor="#D55E00", linewidth=0.7))
    undecided = [
        Rectangle((x - 0.5, y - 0.5), 1, 1) for y, x in np.argwhere(verdict == _CODES[UNDECIDED])
    ]
    axes.add_collection(PatchCollection(undecided, linewidth=0, **UNDECIDED_LOOK))
    _finish(axes, title)


def _times(figure: Figure, axes: Axes, logs: NDArray[np.float64], limit: float) -> None:
    """log10 of T_val in A over B from -limit to limit, grey where not both have one."""
    shown = axes.imshow(logs, "RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    _finish(axes, "T_val, where both have one")
    axes.patch.set(facecolor="#bbbbbb", hatch=None)
    figure.colorbar(shown, ax=axes, aspect=25, label="log10 of A / B")


def _faint(colour: str) -> str:
    """`colour` mostly white, and opaque, so that no hatching shows through."""
    red, green, blue = (1 - FAINT * (1 - part) for part in to_rgb(colour))
    return to_hex((red, green, blue))


def _entries(table: pd.DataFrame, grid: NDArray[np.object_]) -> list[Patch]:
    """The legend's entries of what is hatched."""
    found = [implied_patch()] * any(implied_in(table, side).any() for side in "ab")
    if (table["verdict"] == UNDECIDED).any():
        found.append(Patch(**UNDECIDED_LOOK, linewidth=0, label="undecided"))
    if any(np.isnan(np.ma.filled(line[0].images[0].get_array(), np.nan)).any() for line in grid):
        found.append(missing_patch())
    return found
