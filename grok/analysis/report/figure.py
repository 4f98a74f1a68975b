"""The picture that a chosen member of the report is drawn in, as plotly.js takes it."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.colors import to_hex

from grok.analysis.numbers import measures
from grok.analysis.numbers.curves import CURVE_ROWS
from grok.analysis.numbers.scales import logarithmic
from grok.analysis.read.sweep import Measured
from grok.analysis.report.parts import LINE_COLOURS, LOG_AXIS, Picture, text
from grok.record.names import CURVE_COLUMNS

GREY = "#8a929b"


def member_picture(members: list[Picture], measured: list[Measured]) -> Picture:
    """The empty picture of a member of `members.collect`.

    Its rows are accuracy, loss and weight norm, embeddings and measures where there are any.

    Returns:
        ``data``, whose ``meta`` is the place of their y in ``curves``; ``symbols``, a trace for
        each symbol of the embeddings; ``measures``, a trace for each measured number, whose
        ``meta`` is its name; and ``layout``.
    """
    recorded = [member["embeddings"] for member in members if member["embeddings"]]
    symbols = max((len(each["values"]) for each in recorded), default=0)
    place = "" if all(each["dimensions"] == 1 for each in recorded) else "<br>(L2 norm)"
    values = _values(members)
    titles = ["accuracy", "loss", "weight norm (L2)"] + [f"embedding{place}"] * bool(symbols)
    names = {name: len(titles) + i for i, name in enumerate(values)}
    layout = _layout([*titles, *map(text, names)])
    for name, row in names.items():
        if logarithmic(values[name], measures.better(measured, name)):
            layout[_axis("yaxis", row)] |= LOG_AXIS | {"nticks": 3}
    return {
        "data": _curves(),
        "symbols": _symbols(symbols),
        "measures": [_measure(name, row) for name, row in names.items()],
        "layout": layout,
    }


def _values(members: list[Picture]) -> dict[str, pd.Series]:
    """All that was measured of any member, by name."""
    found: dict[str, list[float]] = {}
    for member in members:
        for name, (_, values) in member["measures"].items():
            found.setdefault(name, []).extend(values)
    return {name: pd.Series(values) for name, values in found.items()}


def _axis(name: str, row: int) -> str:
    """What Plotly calls the axis of `row`, from 0: ``y``, ``y2``, ..."""
    return f"{name}{row + 1}" if row else name


def _layout(titles: list[str]) -> dict[str, Any]:
    layout: dict[str, Any] = {
        "xaxis": LOG_AXIS | {"title": {"text": "optimizer step"}, "dtick": 1},
        "grid": {"rows": len(titles), "columns": 1, "pattern": "coupled", "ygap": 0.12},
        "hovermode": "x unified",
        "hoversubplots": "axis",
        "meta": {"height": 150 * len(titles) + 90},
    }
    for row, title in enumerate(titles):
        layout[_axis("yaxis", row)] = {"title": {"text": title}}
    layout["yaxis"]["range"] = [-0.03, 1.03]
    layout["yaxis2"] |= LOG_AXIS | {"nticks": 3}
    return layout


def _curves() -> list[dict[str, Any]]:
    return [
        {"name": name, "mode": "lines", "yaxis": _axis("y", row)}
        | {"showlegend": row == 0, "legendgroup": name, "meta": CURVE_COLUMNS.index(column)}
        | ({"line": {"color": GREY}} if column == "weight_norm" else {})
        for row, (_, columns) in enumerate(CURVE_ROWS)
        for column, name in columns.items()
    ]


def _symbols(count: int) -> list[dict[str, Any]]:
    colours = [to_hex(LINE_COLOURS(i / max(count - 1, 1))) for i in range(count)]
    return [
        {"name": f"symbol {i}", "mode": "lines", "yaxis": "y4", "showlegend": False}
        | {"line": {"width": 1, "color": colour}, "hoverinfo": "skip"}
        for i, colour in enumerate(colours)
    ]


def _measure(name: str, row: int) -> dict[str, Any]:
    look = {"mode": "lines", "line": {"color": GREY}, "showlegend": False}
    return {"name": text(name), "meta": name, "yaxis": _axis("y", row)} | look
