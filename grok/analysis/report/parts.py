"""What the report's pictures share: axes, panels, texts and numbers as plotly.js takes them.

Schema: https://plotly.com/javascript/reference.
"""

from __future__ import annotations

import html
import math
from typing import Any

import numpy as np
from matplotlib.colors import Colormap, to_hex
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from grok.analysis.numbers.labels import panel_title, tick_positions, tick_texts
from grok.analysis.numbers.layout import Layout
from grok.analysis.pictures.palette import part
from grok.printable import printable_lines

Picture = dict[str, Any]
LINE_COLOURS = part("viridis", 0.2, 0.9)  # to be seen on white and on black
LOG_AXIS: dict[str, Any] = {"type": "log", "exponentformat": "power"}


def plain(values: ArrayLike) -> Any:
    """`values` as (nested) lists for strict JSON, of the same shape: None where not finite."""
    numbers = np.asarray(values, dtype="float64")
    nulled = numbers.astype("object")
    nulled[~np.isfinite(numbers)] = None
    return nulled.tolist()


def text(words: object) -> str:
    """`words` for plotly.js, which takes texts for HTML: escaped, and with its line breaks."""
    return "<br>".join(html.escape(line, quote=False) for line in printable_lines(str(words)))


def axis(letter: str, panel: int) -> str:
    """What a trace calls the x or y axis of `panel` (from 0): ``x``, ``x2``, ..."""
    return letter if panel == 0 else f"{letter}{panel + 1}"


def ticks(values: list[Any], most: int) -> dict[str, Any]:
    """Ticks of an axis of evenly spaced cells, at most `most` of them."""
    places = tick_positions(len(values), most)
    texts = tick_texts([values[place] for place in places])
    return {"tickvals": places, "ticktext": [text(each) for each in texts]}


def panel_axes(layout: Layout, x: dict[str, Any], y: dict[str, Any]) -> dict[str, Any]:
    """A ``layout`` of titled panels, of which only the outer ones name their axes.

    Args:
        x: of every horizontal axis; its ``title`` is a text.
        y: of every vertical axis; its ``title`` is a text.
    """
    figure: dict[str, Any] = {"annotations": []}
    count = len(layout.panels)
    for i, panel in enumerate(layout.panels):
        across = (
            {"nticks": 3 if count > 1 else 0}
            | x
            | {"title": {"text": x["title"] if i >= count - layout.columns else ""}}
        )
        down = y | {"title": {"text": y["title"] if i % layout.columns == 0 else ""}}
        figure[f"xaxis{i + 1}" if i else "xaxis"] = across | {"anchor": axis("y", i)}
        figure[f"yaxis{i + 1}" if i else "yaxis"] = down | {"anchor": axis("x", i)}
        figure["annotations"].append(_title(panel_title(panel), i))
    if count > 1:
        grid = {"rows": layout.rows, "columns": layout.columns, "pattern": "independent"}
        figure["grid"] = grid | {"xgap": 0.12, "ygap": 0.28}
        figure["legend"] = {"yref": "container", "y": 1, "yanchor": "top"}
        figure["margin"] = {"t": 75}
        # the page makes room: narrow screens scroll sideways
        figure["meta"] = {"width": 230 * layout.columns, "height": 240 * layout.rows + 150}
    return figure


def colour_scale(colours: Colormap) -> list[tuple[float, str]]:
    """`colours` as a Plotly ``colorscale`` of 16 evenly spaced stops."""
    return [(place, to_hex(colours(place))) for place in np.linspace(0, 1, 16).tolist()]


def _title(title: str, panel: int) -> dict[str, Any]:
    return {
        "text": text(title),
        "xref": f"{axis('x', panel)} domain",
        "yref": f"{axis('y', panel)} domain",
        "x": 0.5,
        "y": 1,
        "yanchor": "bottom",
        "showarrow": False,
    }


def logarithmic_marks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Where a logarithmic scale has numbers, at least two: at powers of ten, or at round ones."""
    powers = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    if len(powers) > 1:
        return [10.0**power for power in powers], [f"10<sup>{power}</sup>" for power in powers]
    few = [10.0**power * n for power in (powers.start - 1, powers.start) for n in (1, 2, 5)]
    for marks in (few, [float(mark) for mark in MaxNLocator(4).tick_values(low, high)]):
        within = [mark for mark in marks if low <= mark <= high]
        if len(within) > 1:
            break
    return within, [f"{mark:g}" for mark in within]
