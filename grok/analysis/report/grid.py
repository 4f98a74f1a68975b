"""The cells of a sweep over two keys, coloured in several ways, as plotly.js draws them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from grok.analysis.numbers.labels import axis_label
from grok.analysis.numbers.layout import Layout, cells, choose
from grok.analysis.numbers.phase_diagram import phase_codes
from grok.analysis.pictures.palette import Palette, implied_look
from grok.analysis.read.sweep import Sweep
from grok.analysis.report.parts import Picture, axis, panel_axes, plain, text, ticks
from grok.analysis.report.views import View
from grok.phases import Phase


def grid_picture(
    sweep: Sweep, views: list[View], texts: dict[int, str], palette: Palette
) -> Picture:
    """A panel for each setting of the keys that aren't axes, row 0 the smallest y, on top.

    Args:
        texts: what hovering shows, of every planned job.

    Returns:
        ``data`` and ``layout`` of what all views share, and ``views``: dictionaries of ``name``,
        ``note``, ``group``, ``data`` and ``layout``. The last traces of the shared data, one a
        panel, are transparent and over all others; their z is the job, also of a member that is
        missing. Before them are marks: crosses, one trace a panel, and slanted lines where cells
        are implied.
    """
    layout = choose(sweep)
    planned, known = sweep.planned, sweep.known
    jobs = [cells(planned, layout, panel, planned["job"]) for panel in layout.panels]
    done = [cells(known, layout, panel, known["job"]) for panel in layout.panels]
    targets = [np.where(np.isnan(d), j, d) for j, d in zip(jobs, done, strict=True)]
    missing = [np.isnan(d) & ~np.isnan(j) for j, d in zip(jobs, done, strict=True)]
    return {
        "data": [_marks(image, i, "x-thin", "#888888") for i, image in enumerate(missing)]
        + _slants(sweep, layout, palette)
        + [_targets(image, i, texts) for i, image in enumerate(targets)],
        "layout": _axes(layout),
        "views": [_view(sweep, layout, view) for view in views],
    }


def _view(sweep: Sweep, layout: Layout, view: View) -> Picture:
    data, scales = list(view.legend), {}
    for number, layer in enumerate(view.layers):
        name = f"coloraxis{number + 1}" if number else "coloraxis"
        scales[name] = layer.scale | {"colorbar": _bar(layer.scale["colorbar"], number, view)}
        for i, panel in enumerate(layout.panels):
            image = cells(sweep.known.loc[layer.values.index], layout, panel, layer.values)
            data.append(_heatmap(plain(image), i) | {"coloraxis": name, "hoverinfo": "skip"})
    note = view.note + " A cross marks a member that hasn't finished." * bool(sweep.missing)
    note += " A slanted line marks one that wasn't trained, its phase implied." * sweep.has_implied
    named = {"name": view.name, "note": note, "group": view.group}
    return named | {"data": data, "layout": scales}


def _heatmap(z: Any, panel: int) -> dict[str, Any]:
    axes = {"xaxis": axis("x", panel), "yaxis": axis("y", panel)}
    return {"type": "heatmap", "z": z, "xgap": 1, "ygap": 1, "showscale": False} | axes


def _targets(jobs: NDArray[np.float64], panel: int, texts: dict[int, str]) -> dict[str, Any]:
    shown = [["" if np.isnan(job) else texts[int(job)] for job in row] for row in jobs]
    over = {"text": shown, "hovertemplate": "%{text}<extra></extra>", "opacity": 0}
    return _heatmap(plain(jobs), panel) | over


def _slants(sweep: Sweep, layout: Layout, palette: Palette) -> list[dict[str, Any]]:
    """Of each panel and phase the marks of implied cells; none where no cell is implied."""
    if sweep.implied is None:
        return []
    found, traces = sweep.implied, []
    for i, panel in enumerate(layout.panels):
        codes = cells(found, layout, panel, phase_codes(found["phase"]))
        for number, phase in enumerate(Phase):
            if (codes == number).any():
                colour = implied_look(palette[phase])["edgecolor"]
                traces.append(_marks(codes == number, i, "line-ne", colour))
    return traces


def _marks(marked: NDArray[np.bool_], panel: int, symbol: str, colour: str) -> dict[str, Any]:
    rows, columns = marked.nonzero()
    return {
        "type": "scatter",
        "mode": "markers",
        "x": columns.tolist(),
        "y": rows.tolist(),
        "marker": {"symbol": symbol, "size": 7, "line": {"width": 1.5, "color": colour}},
        "xaxis": axis("x", panel),
        "yaxis": axis("y", panel),
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _axes(layout: Layout) -> dict[str, Any]:
    assert layout.x is not None
    assert layout.y is not None
    most = 7 if len(layout.panels) == 1 else 4
    fixed = {"fixedrange": True, "showgrid": False, "zeroline": False, "ticks": "outside"}
    x = ticks(layout.xs, most) | {"range": _ends(len(layout.xs))}
    y = ticks(layout.ys, most) | {"range": _ends(len(layout.ys))[::-1]}
    x["title"] = text(axis_label(layout.x, layout.roles))
    y["title"] = text(axis_label(layout.y, layout.roles))
    margin = {"t": 12 if len(layout.panels) == 1 else 60, "r": 12, "b": 135}
    legend = {"yref": "container", "y": 0, "yanchor": "bottom", "xref": "container", "x": 0.5}
    still = {
        "xanchor": "center",
        "itemclick": False,
        "itemdoubleclick": False,
        "font": {"size": 11},
    }
    return panel_axes(layout, fixed | x, fixed | y) | {
        "margin": margin,
        "dragmode": False,
        "legend": legend | still,
    }


def _ends(count: int) -> list[float]:
    """The range of an axis of cells, a little wide for the frame around a chosen one."""
    return [-0.5 - 0.008 * count, count - 0.5 + 0.008 * count]


def _bar(bar: dict[str, Any], number: int, view: View) -> dict[str, Any]:
    """Colour bars lie side by side at the bottom."""
    shown = max(1, sum(layer.scale.get("showscale", True) for layer in view.layers))
    place = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "ypad": 4}
    across = {"x": number / shown, "xanchor": "left", "len": 1 / shown, "xpad": 16}
    look = {"thickness": 12, "outlinewidth": 0}
    title = bar.get("title", {}) | {"side": "bottom", "font": {"size": 12}}
    return bar | place | across | look | {"title": title}
