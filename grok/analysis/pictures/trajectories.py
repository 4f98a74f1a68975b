"""The way of the embeddings during training (Re-TUG, Appendix C, Figures 11 and 12)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from grok.analysis.pictures.canvas import grid_figure
from grok.analysis.pictures.labels import panel_title
from grok.analysis.pictures.layout import swept
from grok.analysis.pictures.palette import Palette
from grok.analysis.read import files
from grok.analysis.read.table import Sweep
from grok.phases import Phase
from grok.record.names import EMBEDDINGS

EARLY_STEPS = 2000
MOST_MEMBERS = 12
MOST_POINTS = 2000
SYMBOL_COLOURS = colormaps["viridis"]


@dataclass(frozen=True)
class Trajectory:
    """One member's embeddings.

    Attributes:
        title: the phase and the swept values.
        phase: None while the member has no record.
        steps: optimizer steps of the n recordings, shape (n,).
        values: first coordinate of each of the p embeddings, shape (n, p).
        dimensions: how many coordinates there are; 1 in the paper.
    """

    title: str
    phase: Phase | None
    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    dimensions: int


def early(sweep: Sweep, palette: Palette) -> Figure | None:
    """The first 2000 steps of the embeddings (Re-TUG, Figure 11); None where none are recorded."""
    return _draw(sweep, palette, last_step=EARLY_STEPS)


def whole(sweep: Sweep, palette: Palette) -> Figure | None:
    """The embeddings until the end (Re-TUG, Figure 12); None where none are recorded."""
    return _draw(sweep, palette, last_step=None)


def recorded(sweep: Sweep) -> pd.DataFrame:
    """The jobs with recorded embeddings, by phase (members that haven't finished last), then job.

    Columns: ``job``, the swept keys and ``phase``.
    """
    has = [files.left(sweep, job, EMBEDDINGS) for job in sweep.planned["job"]]
    jobs = sweep.planned[has].merge(sweep.table[["job", "phase"]], on="job", how="left")
    phases = pd.Categorical(jobs["phase"], categories=[str(phase) for phase in Phase], ordered=True)
    return jobs.assign(phase=phases).sort_values(["phase", "job"], ignore_index=True)


def pick(jobs: pd.DataFrame) -> pd.DataFrame:
    """At most 12 of `recorded`, as many of each phase as of the others where there are enough."""
    rank = jobs.groupby("phase", observed=True, dropna=False).cumcount()
    return jobs.loc[rank.sort_values(kind="stable").index[:MOST_MEMBERS].sort_values()]


def _draw(sweep: Sweep, palette: Palette, last_step: int | None) -> Figure | None:
    jobs = recorded(sweep)
    found = [_trajectory(sweep, row, last_step) for _, row in pick(jobs).iterrows()]
    members = [member for member in found if member is not None]
    if not members:
        return None
    figure, panels = grid_figure(len(members), extra_width=1.0)
    symbols = max(member.values.shape[1] for member in members)
    scale = Normalize(0, max(symbols - 1, 1))
    for axes, member in zip(panels, members, strict=True):
        _draw_member(axes, member, scale, palette)
    colours = ScalarMappable(scale, SYMBOL_COLOURS)
    figure.colorbar(colours, ax=panels, label="symbol", ticks=MaxNLocator(integer=True))
    figure.supxlabel("optimizer step", fontsize=10)
    figure.supylabel(_value_label(members), fontsize=10)
    if len(members) < len(jobs):
        figure.suptitle(f"{len(members)} of {len(jobs)} members with embeddings", fontsize=10)
    return figure


def _trajectory(sweep: Sweep, row: pd.Series, last_step: int | None) -> Trajectory | None:
    recording = files.array(sweep, row["job"], EMBEDDINGS, "values", 3)
    if recording is None:
        return None
    steps, values = recording
    phase = None if pd.isna(row["phase"]) else Phase(row["phase"])
    title = [phase or "unfinished", panel_title({key: row[key] for key in swept(sweep)})]
    shown = steps <= (steps.max(initial=0) if last_step is None else last_step)
    thin = max(1, int(shown.sum()) // MOST_POINTS)
    return Trajectory(
        "\n".join(line for line in title if line),
        phase,
        steps[shown][::thin],
        values[shown][::thin, :, 0],
        values.shape[2],
    )


def _draw_member(axes: Axes, member: Trajectory, scale: Normalize, palette: Palette) -> None:
    """A line for each symbol; the frame has the phase's colour."""
    for symbol, values in enumerate(member.values.T):
        axes.plot(member.steps, values, color=SYMBOL_COLOURS(scale(symbol)), linewidth=1)
    axes.set_title(member.title, fontsize=8)
    axes.tick_params(labelsize=8)
    if member.phase is not None:
        axes.spines[:].set(color=palette[member.phase], linewidth=2)


def _value_label(members: list[Trajectory]) -> str:
    dimensions = max(member.dimensions for member in members)
    return "embedding" if dimensions == 1 else f"embedding, first of {dimensions} coordinates"
