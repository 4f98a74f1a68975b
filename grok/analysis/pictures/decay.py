"""Time to generalise against weight decay, in any sweep that has it on an axis (Omnigrok, Fig. 2c).

The LU mechanism says that it goes as one over weight decay (Omnigrok, section 2).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.analysis.numbers.decay import DecayLines, decay_law, drawn_decays, law_text, lu_prediction
from grok.analysis.numbers.labels import axis_label, panel_title
from grok.analysis.pictures.canvas import legend_above, log_scale
from grok.analysis.pictures.palette import Palette
from grok.analysis.read.sweep import Sweep

TIMES = {"t_train": "o--", "t_val": "s-"}


def draw_decay(sweep: Sweep, _palette: Palette) -> Figure | None:
    """T_train and T_val, and the weight norms there, against weight decay, logarithmic.

    A colour for each setting of the other keys. A single one gets its power law and the
    prediction of the LU mechanism, seeds their common law. None where `drawable` is.
    """
    lines = drawn_decays(sweep)
    if lines is None:
        return None
    key, found = lines
    figure = Figure(figsize=(6.4, 6.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    for i, (setting, members) in enumerate(found):
        members = members[members[key] > 0]
        colour = f"C{i % 10}" if len(found) > 1 else "#333333"
        name = panel_title(setting).replace("\n", " ")
        for time, style in TIMES.items():
            steps = members[time].to_numpy(dtype="float64", na_value=np.nan)
            label = {"t_train": "T_train", "t_val": "T_val"}[time]
            entry = f"{label} {name}".strip() if time == "t_val" or not name else None
            above.plot(members[key], steps, style, color=colour, markersize=4, label=entry)
            norms = members[f"norm_at_{time}"]
            below.plot(members[key], norms, style, color=colour, markersize=4)
    _draw_law(above, found, key)
    log_scale(above, "xy")
    above.set_ylabel("optimizer steps")
    below.set(xlabel=axis_label(key), ylabel="weight norm there (L2)")
    handles, labels = above.get_legend_handles_labels()
    legend_above(figure, handles, inches=0.7 + 0.07 * max(map(len, labels), default=0))
    return figure


def _draw_law(axes: Axes, found: DecayLines, key: str) -> None:
    """A power law through T_val with its slope and 95 % interval, and the LU prediction."""
    members = pd.concat([members for _, members in found])
    members = members[members[key] > 0].sort_values(key)
    fitted = decay_law(found, key)
    if fitted is not None:
        axes.plot(members[key], fitted(members[key]), color="#CC79A7", label=law_text(fitted))
    predicted = lu_prediction(members)
    if len(found) == 1 and predicted.notna().any():
        axes.plot(members[key], predicted, "-.", color="#CC79A7", label="LU prediction of T_val")
