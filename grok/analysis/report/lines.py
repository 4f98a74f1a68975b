"""Times and losses against a swept value, as plotly.js draws them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd
from matplotlib.colors import to_hex
from numpy.typing import ArrayLike

from grok.analysis.numbers import decay, landscape
from grok.analysis.numbers.labels import BEYOND, DIVERGED, axis_label, number, tick_positions
from grok.analysis.numbers.layout import Layout, choose, select, swept
from grok.analysis.numbers.lines import (
    edges,
    has_scale,
    is_logarithmic,
    line_layout,
    line_members,
    positions,
)
from grok.analysis.pictures.palette import BUDGET, LAW, STRIP, TIME_LOOKS, Palette, TimeLook
from grok.analysis.read.sweep import IMPLIED, Sweep
from grok.analysis.report.parts import (
    LINE_COLOURS,
    LOG_AXIS,
    Picture,
    axis,
    colour_scale,
    panel_axes,
    plain,
    text,
    ticks,
)
from grok.phases import Phase

NEVER = {BEYOND: "triangle-up-open", DIVERGED: "x-thin-open"}
"""Symbols of members that don't generalise."""
PALE = 0.5
"""Of the phases that are implied."""


def times_picture(sweep: Sweep, palette: Palette, texts: dict[int, str]) -> Picture | None:
    """T_train and T_val against the one swept key over a strip of phases; None if there are two."""
    layout = line_layout(sweep)
    if layout is None:
        return None
    assert layout.x is not None
    data: list[dict[str, Any]] = []
    shapes: list[dict[str, Any]] = []
    for i, panel in enumerate(layout.panels):
        members = line_members(sweep.known, layout, panel)
        for column, look in TIME_LOOKS.items():
            places, steps = positions(layout), members[column]
            line = _members_line(look.name, places, steps, i, members["job"], texts)
            data.append(line | _look(look))
        shapes += [_level(budget, i) for budget in members["budget"].dropna().unique()]
        shapes += _strip(layout, members, palette, i)
    x: dict[str, Any] = {"type": "log" if is_logarithmic(layout) else "linear"}
    x |= {} if has_scale(layout) else ticks(layout.xs, most=5)
    x |= {"title": text(axis_label(layout.x, layout.roles)), "exponentformat": "power"}
    return {
        "data": data,
        "layout": panel_axes(layout, x, _log("steps") | {"dtick": 1}) | {"shapes": shapes},
    }


def decays_picture(sweep: Sweep, texts: dict[int, str]) -> Picture | None:
    """T_train and T_val over weight decay, None where `drawn_decays` is."""
    drawn = decay.drawn_decays(sweep)
    if drawn is None:
        return None
    key, found = drawn.key, drawn.lines
    data: list[dict[str, Any]] = []
    for i, (_, members) in enumerate(found):
        members = decay.with_decay(members, key)
        colour = to_hex(LINE_COLOURS(i / (len(found) - 1))) if len(found) > 1 else None
        for column, look in TIME_LOOKS.items():
            x, y = members[key], members[column]
            line = _members_line(look.name, x, y, 0, members["job"], texts)
            data.append(line | _look(look, colour) | {"showlegend": i == 0})
        for why, last in decay.without_t_val(members).items():
            if len(last):
                first = all(line["name"] != why for line in data)
                never = members.loc[last.index]
                line = _members_line(why, never[key], last, 0, never["job"], texts)
                data.append(line | _never(why, colour) | {"showlegend": first})
    data += [_law(curve) for curve in decay.decay_curves(drawn.every, key)]
    axes = {"xaxis": _log(axis_label(key, sweep.roles)), "yaxis": _log("steps") | {"dtick": 1}}
    layout = {name: one | {"title": {"text": text(one["title"])}} for name, one in axes.items()}
    if len(found) > 1:
        # the bar's: Plotly draws one only for markers
        marks = {"mode": "markers", "marker": {"color": [0], "coloraxis": "coloraxis"}}
        data.append({"x": [None], "y": [None], "showlegend": False, "hoverinfo": "skip"} | marks)
        layout["coloraxis"] = _settings([setting for setting, _ in found], drawn.which)
    return {"data": data, "layout": layout}


def _never(why: str, colour: str | None) -> dict[str, Any]:
    """How members look that don't generalise."""
    marker = {"symbol": NEVER[why]} | ({} if colour is None else {"color": colour})
    return {"mode": "markers", "marker": marker}


def losses_picture(sweep: Sweep, texts: dict[int, str]) -> Picture | None:
    """The L and the U: train and test loss against the weight norm.

    None over two keys, and where the initial scale isn't swept.
    """
    layout = choose(sweep)
    if layout.y is not None or landscape.scale_key(sweep) not in swept(sweep):
        return None
    table = landscape.landscape_members(sweep).sort_values("norm")
    data: list[dict[str, Any]] = []
    shapes: list[dict[str, Any]] = []
    for i, panel in enumerate(layout.panels):
        members = landscape.with_norms(select(table, panel))
        for part in landscape.PARTS:
            x, y = members["norm"], members[f"{part}_loss"]
            data.append(_members_line(f"{part} loss", x, y, i, members["job"], texts))
        best = landscape.goldilocks(members)
        shapes += [_goldilocks(best, i)] if best is not None else []
    axes = panel_axes(layout, _log("weight norm (L2)"), _log("loss at the last step"))
    return {"data": data, "layout": axes | {"shapes": shapes}}


def _log(title: str) -> dict[str, Any]:
    return LOG_AXIS | {"title": title}


def _members_line(
    name: str, x: ArrayLike, y: pd.Series, panel: int, jobs: Iterable[Any], texts: dict[int, str]
) -> dict[str, Any]:
    """A line through members; ``customdata`` are their jobs, for clicks."""
    known = [None if pd.isna(job) else int(job) for job in jobs]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": plain(x),
        "y": plain(y.astype("float64")),
        "customdata": known,
        "text": ["" if job is None else texts[job] for job in known],
        "hovertemplate": "%{text}<extra></extra>",
        "legendgroup": name,
        "showlegend": panel == 0,
        "xaxis": axis("x", panel),
        "yaxis": axis("y", panel),
    }


def _look(look: TimeLook, colour: str | None = None) -> dict[str, Any]:
    """How a line of T_train or of T_val is drawn, in the page's own colour if it has none."""
    line: dict[str, Any] = {"dash": look.dash}
    marker: dict[str, Any] = {"symbol": look.symbol}
    if colour is not None:
        line |= {"color": colour, "width": 1.5}
        marker |= {"color": colour, "size": 5}
    return {"line": line, "marker": marker}


def _settings(settings: list[dict[str, object]], which: str) -> dict[str, Any]:
    """A ``coloraxis`` of evenly spaced settings, named by the keys' values; `which` they are."""
    places = tick_positions(len(settings), most=7)
    names = [", ".join(number(value) for value in each.values()) for each in settings]
    title = ", ".join(settings[0]) + (f" ({which})" if which else "")
    return {
        "cmin": 0,
        "cmax": len(settings) - 1,
        "colorscale": colour_scale(LINE_COLOURS),
        "colorbar": {
            "title": {"text": text(title), "side": "right"},
            "tickvals": places,
            "ticktext": [text(names[place]) for place in places],
            "thickness": 12,
            "outlinewidth": 0,
        },
    }


def _law(curve: decay.DecayCurve) -> dict[str, Any]:
    """A line through T_val; its name says of what."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": f"T_val ~ {curve.name}" if curve.fitted else curve.name,
        "x": plain(curve.decays),
        "y": plain(curve.steps),
        "line": {"color": LAW, "dash": "solid" if curve.fitted else "dashdot"},
        "hoverinfo": "skip",
    }


def _level(budget: float, panel: int) -> dict[str, Any]:
    """The budget, a line across the panel."""
    ends = {"x0": 0, "x1": 1, "y0": float(budget), "y1": float(budget)}
    references = {"xref": f"{axis('x', panel)} domain", "yref": axis("y", panel)}
    label = {"text": "budget", "textposition": "start", "yanchor": "bottom"}
    look = {"line": {"color": BUDGET, "dash": "dot", "width": 1}, "label": label}
    return {"type": "line"} | ends | references | look


def _strip(
    layout: Layout, members: pd.DataFrame, palette: Palette, panel: int
) -> list[dict[str, Any]]:
    borders = edges(layout).tolist()
    return [
        {"type": "rect", "x0": left, "x1": right, "y0": 0, "y1": STRIP, "line": {"width": 0}}
        | {"xref": axis("x", panel), "yref": f"{axis('y', panel)} domain"}
        | {"fillcolor": to_hex(palette[Phase(member["phase"])])}
        | ({"opacity": PALE} if member.get(IMPLIED, False) else {})
        for (_, member), left, right in zip(
            members.iterrows(), borders[:-1], borders[1:], strict=True
        )
        if not pd.isna(member["phase"])
    ]


def _goldilocks(norm: float, panel: int) -> dict[str, Any]:
    """w_c, the norm of the lowest test loss, an upright line."""
    ends = {"x0": norm, "x1": norm, "y0": 0, "y1": 1}
    references = {"xref": axis("x", panel), "yref": f"{axis('y', panel)} domain"}
    label = {"text": f"w_c = {norm:.4g}", "textposition": "start", "textangle": 0}
    look = {"line": {"color": "#888888", "dash": "dot", "width": 1.5}, "label": label}
    return {"type": "line"} | ends | references | look
