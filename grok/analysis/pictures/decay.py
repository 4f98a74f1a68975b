"""T_val against weight decay, in any sweep that has it on an axis (Omnigrok, Figure 2c)."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from grok.analysis.numbers.decay import decay_curves, drawn_decays, with_decay, without_t_val
from grok.analysis.numbers.labels import BEYOND, DIVERGED, axis_label, panel_title
from grok.analysis.pictures.canvas import legend_above, log_scale
from grok.analysis.pictures.palette import INK, LAW, TIME_LOOKS, Palette
from grok.analysis.read.sweep import Sweep

NEVER = {BEYOND: "^", DIVERGED: "x"}
"""Markers of members that don't generalise."""


def draw_decay(sweep: Sweep, _palette: Palette) -> Figure | None:
    """T_train and T_val, and the weight norms there, against weight decay, logarithmic.

    A colour for each setting of the other keys. A single one gets its power law and the
    prediction of the LU mechanism, seeds their common law. None where `drawn_decays` is.
    """
    drawn = drawn_decays(sweep)
    if drawn is None:
        return None
    key, found = drawn.key, drawn.lines
    figure = Figure(figsize=(6.4, 6.4), layout="constrained")
    if drawn.which:
        figure.suptitle(drawn.which, fontsize=10)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    # those that Matplotlib tells apart by name are ten
    colours = "C{}".format if len(found) <= 10 else colormaps["viridis"].resampled(len(found))
    lacking: dict[str, Line2D] = {}
    for i, (setting, members) in enumerate(found):
        members = with_decay(members, key)
        colour = colours(i) if len(found) > 1 else INK
        name = panel_title(setting).replace("\n", " ")
        for time, look in TIME_LOOKS.items():
            steps = members[time].to_numpy(dtype="float64", na_value=np.nan)
            # all lines of T_train have one entry, `_t_train`
            label = f"{look.name} {name}".strip() if time == "t_val" or not name else None
            above.plot(members[key], steps, label=label, **_style(time, colour))
            below.plot(members[key], members[f"norm_at_{time}"], **_style(time, colour))
        for why, last in without_t_val(members).items():
            if len(last):
                above.plot(members[key][last.index], last, **_never(why, colour))
                lacking[why] = Line2D([], [], label=why, **_never(why, INK))
    for curve in decay_curves(drawn.every, key):
        line = "-" if curve.fitted else "-."
        above.plot(curve.decays, curve.steps, line, color=LAW, label=curve.name)
    log_scale(above, "xy")
    above.set_ylabel("optimizer steps")
    below.set(xlabel=axis_label(key, sweep.roles), ylabel="weight norm there (L2)")
    handles = above.get_legend_handles_labels()[0]
    legend_above(figure, [*handles, *[_t_train()] * (len(found) > 1), *lacking.values()])
    return figure


def _style(time: str, colour: Any) -> dict[str, Any]:
    look = TIME_LOOKS[time]
    return {"marker": look.marker, "linestyle": look.line, "color": colour, "markersize": 4}


def _never(why: str, colour: Any) -> dict[str, Any]:
    return _style("t_val", colour) | {"marker": NEVER[why], "linestyle": "", "fillstyle": "none"}


def _t_train() -> Line2D:
    """The legend's entry of the lines of T_train of all settings."""
    return Line2D([], [], label=TIME_LOOKS["t_train"].name, **_style("t_train", INK))
