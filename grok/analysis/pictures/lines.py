"""T_train and T_val against the one swept key: a phase diagram of one dimension."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.analysis.numbers.labels import axis_label, tick_positions, tick_texts
from grok.analysis.numbers.layout import Layout
from grok.analysis.numbers.lines import (
    edges,
    has_scale,
    is_logarithmic,
    line_layout,
    line_members,
    positions,
)
from grok.analysis.pictures.canvas import legend_above, name_axes, panel_figure
from grok.analysis.pictures.palette import (
    BUDGET,
    INK,
    STRIP,
    TIME_LOOKS,
    Palette,
    implied_look,
    implied_patch,
    missing_patch,
    phase_patches,
    show_missing,
)
from grok.analysis.read.sweep import IMPLIED, TIMES, Sweep
from grok.phases import Phase


def draw_lines(sweep: Sweep, palette: Palette) -> Figure | None:
    """T_train and T_val (steps, logarithmic) against the swept key, over a strip of the phases.

    A panel for each setting of the other keys, where those are texts. x is logarithmic where its
    values are positive and span more than a decade, see `has_scale`. None unless a single key is
    on an axis.
    """
    layout = line_layout(sweep)
    if layout is None:
        return None
    assert layout.x is not None
    figure, axes = panel_figure(layout)
    for one, panel in zip(axes, layout.panels, strict=True):
        members = line_members(sweep.known, layout, panel)
        _scale_steps(one, members)
        _scale_values(one, layout)
        _show_phases(one, layout, members, palette)
        _draw_times(one, layout, members)
    name_axes(axes, layout.columns, axis_label(layout.x, layout.roles), "optimizer steps")
    patches = phase_patches(palette) + [implied_patch()] * sweep.has_implied
    patches += [missing_patch()] * bool(sweep.missing)
    legend_above(figure, [*_lines(axes[0]), *patches])
    return figure


def _scale_steps(axes: Axes, members: pd.DataFrame) -> None:
    """Steps from half the shortest time, so that the strip has room, to twice the budget."""
    axes.set_yscale("log")
    steps = members[[*TIMES, "budget"]].to_numpy(dtype="float64", na_value=np.nan)
    if np.isfinite(steps).any():
        lowest = np.nanmin(steps[:, :2], initial=np.nanmax(steps))
        axes.set_ylim(lowest / 2, 2 * np.nanmax(steps))


def _scale_values(axes: Axes, layout: Layout) -> None:
    axes.set_xscale("log" if is_logarithmic(layout) else "linear")
    if not has_scale(layout):
        shown = tick_positions(len(layout.xs), most=5)
        axes.set_xticks(shown, tick_texts([layout.xs[index] for index in shown]))
    axes.set_xlim(*edges(layout)[[0, -1]])


def _show_phases(axes: Axes, layout: Layout, members: pd.DataFrame, palette: Palette) -> None:
    """A strip of phases at the bottom; where a member is missing the hatched ground shows."""
    show_missing(axes)
    ends = edges(layout)
    for (_, member), left, right in zip(members.iterrows(), ends[:-1], ends[1:], strict=True):
        if not pd.isna(member["phase"]):
            colour = palette[Phase(member["phase"])]
            look = implied_look(colour) if member.get(IMPLIED, False) else {"color": colour}
            axes.axvspan(left, right, color="white", linewidth=0)
            axes.axvspan(left, right, 0, STRIP, linewidth=0, **look)


def _draw_times(axes: Axes, layout: Layout, members: pd.DataFrame) -> None:
    for column, look in TIME_LOOKS.items():
        steps = members[column].to_numpy(dtype="float64", na_value=np.nan)
        axes.plot(
            positions(layout), steps, look.line, marker=look.marker, color=INK, markersize=4,
            label=look.name,
        )  # fmt: skip
    for budget in members["budget"].dropna().unique():
        axes.axhline(budget, color=BUDGET, linestyle=":", label="budget")


def _lines(axes: Axes) -> list[Artist]:
    """The legend's entries of the lines, one of each."""
    handles, labels = axes.get_legend_handles_labels()
    return list(dict(zip(labels, handles, strict=True)).values())
