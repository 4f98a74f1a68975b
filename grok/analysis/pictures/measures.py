"""What the configured measures gave along the way: a panel a number, a line a member."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from grok.analysis.numbers.labels import member_text
from grok.analysis.numbers.layout import swept
from grok.analysis.numbers.measures import better, of_member
from grok.analysis.numbers.scales import logarithmic
from grok.analysis.pictures.canvas import grid_figure, legend_above, log_scale
from grok.analysis.pictures.palette import EDGE, Palette, part
from grok.analysis.read.sweep import Sweep
from grok.phases import Phase

MOST_MEASURED_MEMBERS, MOST_MEASURED_PANELS = 12, 12
DASHES = ("-", "--", ":", "-.")
MANY_COLOURS = part("viridis", 0.0, 0.9)


def draw_measures(sweep: Sweep, palette: Palette) -> Figure | None:
    """Every measured number of a small sweep's members against the step (logarithmic).

    A line has the colour of its member's phase, and other dashes than its neighbours of that
    phase; where those are too few for all, colours go by the settings instead. None where nothing
    or much is swept, or no member was measured.
    """
    if not 2 <= len(sweep.planned) <= MOST_MEASURED_MEMBERS:
        return None
    members = sweep.table.sort_values(sweep.keys) if sweep.keys else sweep.table
    curves = [of_member(sweep, job) for job in members["job"]]
    names = list(dict.fromkeys(name for each in curves for name in each))
    if not names:
        return None
    looks = _looks([Phase(phase) for phase in members["phase"]], palette)
    texts = [member_text(member, swept(sweep)) for _, member in members.iterrows()]
    figure, panels = grid_figure(min(len(names), MOST_MEASURED_PANELS))
    for axes, name in zip(panels, names, strict=False):
        if axes is not panels[0]:
            axes.sharex(panels[0])
        lines = [each.get(name, pd.Series(dtype="float64")) for each in curves]
        for line, look in zip(lines, looks, strict=True):
            axes.plot(line.index, line, **look)
        scale(axes, pd.concat(lines), better(sweep.measured, name))
        axes.set_title(name, fontsize=8)
        axes.tick_params(labelsize=8)
    left_out = len(names) > len(panels)
    which = f" ({len(panels)} of {len(names)} measured numbers)" if left_out else ""
    figure.supxlabel(f"optimizer step{which}", fontsize=10)
    shown = [i for i, each in enumerate(curves) if each]
    handles = [Line2D([], [], label=texts[i], **looks[i]) for i in shown]
    legend_above(figure, handles)
    return figure


def scale(axes: Axes, values: pd.Series, better: str | None) -> None:
    """Scales for lines of `values` against the step, once they are drawn."""
    log_scale(axes, "xy" if logarithmic(values, better) else "x")


def _looks(phases: list[Phase], palette: Palette) -> list[dict[str, Any]]:
    """How the line of each member is drawn, none like another."""
    ranks = [phases[:i].count(phase) for i, phase in enumerate(phases)]
    if max(ranks) < len(DASHES):
        edge = {"linewidth": 1.2, "path_effects": EDGE}
        return [
            {"color": palette[phase], "linestyle": DASHES[rank]} | edge
            for phase, rank in zip(phases, ranks, strict=True)
        ]
    colours = MANY_COLOURS(np.linspace(0, 1, len(phases)))
    return [{"color": colour, "linestyle": "-", "linewidth": 1.2} for colour in colours]
