"""The way of the embeddings during training (Re-TUG, Appendix C, Figures 11 and 12)."""

from __future__ import annotations

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from grok.analysis.numbers.trajectories import Trajectory, pick, recorded, trajectory
from grok.analysis.pictures.canvas import grid_figure
from grok.analysis.pictures.palette import Palette
from grok.analysis.read.sweep import Sweep

EARLY_STEPS = 2000
SYMBOL_COLOURS = colormaps["viridis"]


def draw_early_trajectories(sweep: Sweep, palette: Palette) -> Figure | None:
    """The first 2000 steps of the embeddings (Re-TUG, Figure 11); None where none are recorded."""
    return _draw_members(sweep, palette, last_step=EARLY_STEPS)


def draw_trajectories(sweep: Sweep, palette: Palette) -> Figure | None:
    """The embeddings until the end (Re-TUG, Figure 12); None where none are recorded."""
    return _draw_members(sweep, palette, last_step=None)


def _draw_members(sweep: Sweep, palette: Palette, last_step: int | None) -> Figure | None:
    jobs = recorded(sweep)
    found = [trajectory(sweep, row, last_step) for _, row in pick(jobs).iterrows()]
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
    return "embedding" if dimensions == 1 else f"L2 norm of embedding, {dimensions} coordinates"
