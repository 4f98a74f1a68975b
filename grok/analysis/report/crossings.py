"""Free members over a landscape in the report, as plotly.js draws them."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from numpy.typing import ArrayLike

from grok.analysis.numbers.landscape import PARTS
from grok.analysis.numbers.layout import Layout
from grok.analysis.numbers.paths import Crossing, Walk
from grok.analysis.numbers.reduced import Plane
from grok.analysis.pictures.palette import CONTOUR, LOSS_MAP, REDUCED, Palette
from grok.analysis.report.parts import (
    LOG_AXIS,
    Picture,
    axis,
    colour_scale,
    panel_axes,
    plain,
    text,
)


def crossing_picture(crossing: Crossing, palette: Palette) -> Picture:
    """A panel for train and one for test loss."""
    panels = Layout(None, None, [], [], [{"loss": part} for part in PARTS], columns=len(PARTS))
    plane = crossing.plane
    title = "loss" if plane is None else text(plane.label)
    down = {"title": title} | (LOG_AXIS if plane is None else {})
    data: list[dict[str, Any]] = []
    for panel, name in enumerate(PARTS):
        if plane is None:
            norms, losses = crossing.losses["norm"], crossing.losses[f"{name}_loss"]
            look = {"color": REDUCED, "width": 3}
            data.append(_trace(f"reduced {name} loss", norms, losses, panel, look))
        else:
            data += _map(plane, name, panel)
        for walk in crossing.walks:
            y = getattr(walk, name) if walk.values is None else walk.values
            data.append(_walk(walk, y, panel, palette))
    layout = panel_axes(panels, LOG_AXIS | {"title": "weight norm (L2)"}, down)
    return {"data": data, "layout": layout | {"showlegend": False}}


def _map(plane: Plane, name: str, panel: int) -> list[dict[str, Any]]:
    """A loss over the plane, and the boundary."""
    losses = getattr(plane, name)
    logs = np.log10(np.where(losses > 0, losses, np.nan))
    picture = {"type": "heatmap", "x": plain(plane.norms), "y": plain(plane.values)}
    look = {"colorscale": colour_scale(colormaps[LOSS_MAP]), "showscale": False}
    axes = {"xaxis": axis("x", panel), "yaxis": axis("y", panel), "hoverinfo": "skip"}
    dashed = {"color": CONTOUR, "dash": "dash"}
    return [
        picture | {"z": plain(logs)} | look | axes,
        _trace("boundary", plane.boundary(), plane.values, panel, dashed) | {"hoverinfo": "skip"},
    ]


def _walk(walk: Walk, y: ArrayLike, panel: int, palette: Palette) -> dict[str, Any]:
    """A path; hovering tells whose, and the step."""
    line = _trace(text(walk.title), walk.norms, y, panel, {"color": to_hex(palette[walk.phase])})
    steps = [f"step {step:.0f}" for step in walk.steps]
    return line | {"text": steps, "hovertemplate": "%{text}<extra>%{fullData.name}</extra>"}


def _trace(
    name: str, x: ArrayLike, y: ArrayLike, panel: int, line: dict[str, Any]
) -> dict[str, Any]:
    axes = {"xaxis": axis("x", panel), "yaxis": axis("y", panel)}
    named = {"type": "scatter", "mode": "lines", "name": name, "line": line}
    return named | {"x": plain(x), "y": plain(y)} | axes
