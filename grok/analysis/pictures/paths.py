"""Freely trained members on the landscape of their task: the LU mechanism, seen to happen.

A landscape tells the losses that training reaches while the weight norm is held; a free member has
a norm and losses at every step. Drawn together, a path falls on to the L and moves along it, and
the U tells when it generalises (Omnigrok, section 2).
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from grok.analysis.numbers.paths import Crossing, Walk
from grok.analysis.pictures import plane_maps
from grok.analysis.pictures.canvas import legend_above, log_scale
from grok.analysis.pictures.palette import EDGE, REDUCED, Palette, phase_patches


def draw_paths(crossing: Crossing, palette: Palette) -> Figure:
    """Paths in the colours of their phases, over the reduced losses."""
    figure = Figure(figsize=(9.0, 4.4), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, name in zip(panels, ("train", "test"), strict=True):
        if crossing.plane is None:
            _draw_losses(axes, crossing, name, palette)
        else:
            plane_maps.shade(
                figure, axes, crossing.plane, getattr(crossing.plane, name), f"{name} loss"
            )
            plane_maps.mark(axes, crossing.plane)
            for walk in crossing.walks:
                assert walk.values is not None
                _draw_walk(axes, walk, walk.values, palette)
    legend_above(figure, phase_patches(palette))
    if len(crossing.walks) < crossing.members:
        figure.suptitle(f"{len(crossing.walks)} of {crossing.members} members", fontsize=10)
    return figure


def _draw_losses(axes: Axes, crossing: Crossing, name: str, palette: Palette) -> None:
    """The reduced loss against the norm, and each member's loss against its norm."""
    losses = crossing.losses
    for walk in crossing.walks:
        _draw_walk(axes, walk, getattr(walk, name), palette)
    label = f"reduced {name} loss"
    axes.plot(losses["norm"], losses[f"{name}_loss"], "o-", color=REDUCED, zorder=1, label=label)
    axes.set(xlabel="weight norm (L2)", ylabel=f"{name} loss")
    log_scale(axes, "xy")
    axes.legend(fontsize=8, frameon=False)


def _draw_walk(axes: Axes, walk: Walk, y: NDArray[np.float64], palette: Palette) -> None:
    """A path, its start a circle and its end a square."""
    colour, known = palette[walk.phase], np.isfinite(walk.norms) & np.isfinite(y)
    norms, y = walk.norms[known], y[known]
    axes.plot(norms, y, color=colour, linewidth=1.3, path_effects=EDGE, zorder=3)
    for ends, marker in ((slice(1), "o"), (slice(-1, None), "s")):
        axes.plot(
            norms[ends], y[ends], marker, color=colour, markersize=5, zorder=4,
            markeredgecolor="#444444",
        )  # fmt: skip
