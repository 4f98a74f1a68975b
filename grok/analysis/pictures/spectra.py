"""Which frequencies the embeddings of modular arithmetic are made of, beside the accuracies."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.analysis.numbers.curves import ACCURACIES
from grok.analysis.numbers.labels import panel_title
from grok.analysis.numbers.layout import swept
from grok.analysis.numbers.scales import borders
from grok.analysis.numbers.spectra import Spectrum, spectra
from grok.analysis.pictures.canvas import log_scale
from grok.analysis.pictures.palette import TRAIN, VALIDATION, Palette
from grok.analysis.read import files
from grok.analysis.read.sweep import Sweep


def draw_spectra(sweep: Sweep, _palette: Palette) -> Figure | None:
    """Accuracies against the step, and under them the share of each frequency; a column a member.

    None where none recorded any.
    """
    found = spectra(sweep)
    members = sweep.table[sweep.table["job"].isin(found)]
    if members.empty:
        return None
    figure = Figure(figsize=(3.4 * len(members) + 1.6, 5.2), layout="constrained")
    if len(members) < len(sweep.table):
        figure.suptitle(f"{len(members)} of {len(sweep.table)} members", fontsize=10)
    grid = figure.subplots(2, len(members), squeeze=False, sharex="col", height_ratios=(1, 2))
    for (above, below), (_, member) in zip(grid.T, members.iterrows(), strict=True):
        _draw_accuracies(above, files.curves(sweep, member["job"]))
        _draw_shares(figure, below, found[member["job"]])
        above.set_title(panel_title({key: member[key] for key in swept(sweep)}), fontsize=8)
        log_scale(below, "x")
    grid[0, 0].set_ylabel("accuracy")
    grid[1, 0].set_ylabel("frequency (waves over all numbers)")
    figure.supxlabel("optimizer step", fontsize=10)
    return figure


def _draw_accuracies(axes: Axes, curves: pd.DataFrame | None) -> None:
    if curves is None:
        return
    for (column, name), colour in zip(ACCURACIES.items(), (TRAIN, VALIDATION), strict=True):
        known = curves[["step", column]].dropna()
        axes.plot(known["step"], known[column], color=colour, label=name)
    axes.legend(fontsize=7, frameon=False)


def _draw_shares(figure: Figure, axes: Axes, spectrum: Spectrum) -> None:
    """Nothing for a single step."""
    if len(spectrum.steps) < 2:
        return
    frequencies = np.arange(spectrum.power.shape[1] + 1) + 0.5
    ends = borders(spectrum.steps.astype("float64"), logarithmic=True)
    image = axes.pcolormesh(ends, frequencies, spectrum.power.T, cmap="magma", vmin=0)
    figure.colorbar(image, ax=axes, aspect=25, label="share of the power")
