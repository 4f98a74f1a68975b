"""What the report's grid can show: phases and steps, or a landscape, and all that was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.colors import Colormap, to_hex

from grok.analysis.numbers.labels import measured_label
from grok.analysis.numbers.landscape import PARTS, landscape_members
from grok.analysis.numbers.phase_diagram import confused, phase_codes, smooth_steps
from grok.analysis.numbers.scales import logarithmic, loss_limits, step_limits
from grok.analysis.pictures.palette import CONFUSED, Palette, delay_colours, stuck_colours
from grok.analysis.read.sweep import Measured, Sweep
from grok.analysis.report.parts import colour_scale, logarithmic_marks, text
from grok.phases import Phase

NEVER = "#b5b5b5"
GROUPS = {"Final": "At the last step", "Best": "The best of all steps"}
BETTER_COLOURS: dict[str | None, str] = {"higher": "viridis", "lower": "viridis_r"}
LOWEST = "The lowest of all steps with accuracies."
NEITHER = "cividis"
TOP = 1e-4
"""The share of a colour scale that is kept for what has no number."""


@dataclass(frozen=True)
class Layer:
    """Cells of one colour scale.

    Attributes:
        values: one a row of the sweep's table; NaN shows what is below.
        scale: Plotly's ``coloraxis``.
    """

    values: pd.Series
    scale: dict[str, Any]


@dataclass(frozen=True)
class View:
    """One way to colour the grid.

    Attributes:
        name: of the switch.
        note: a sentence on what is shown.
        layers: one or two.
        legend: traces that only show in the legend.
        group: of the list that it is chosen from; empty for a switch of its own.
    """

    name: str
    note: str
    layers: list[Layer]
    legend: list[dict[str, Any]] = field(default_factory=list)
    group: str = ""


def phase_views(sweep: Sweep, palette: Palette) -> list[View]:
    """Phases, and steps as the smooth diagram, T_train and T_val."""
    table = sweep.table
    steps, generalises = smooth_steps(table)
    budget = int(table["budget"].max())
    first = "The first step at which {} accuracy is at the threshold; grey: never."
    return [
        View(
            "Phase",
            "What became of each member.",
            [_phases(sweep.known["phase"], palette)],
            _legend(sweep, palette),
        ),
        View(
            "Smooth",
            "Bright: T_val - T_train of members that generalise. "
            "Dark: T_train of those that memorise. Black: the confused, who have none.",
            [
                _steps(steps[generalises], budget, delay_colours(), "T_val - T_train<br>(steps)"),
                _stuck(steps[~generalises], confused(table)[~generalises], budget),
            ],
        ),
        View("T_train", first.format("train"), _times(table["t_train"], budget, "T_train")),
        View("T_val", first.format("validation"), _times(table["t_val"], budget, "T_val")),
    ]


def landscape_views(sweep: Sweep) -> list[View]:
    """The lowest losses and errors of all steps with accuracies."""
    members, views = landscape_members(sweep), []
    for part in PARTS:
        loss, error = members[f"best_{part}_loss"], members[f"best_{part}_error"]
        views += [
            View(f"Best {part} loss", LOWEST, [_losses(loss)]),
            View(f"Best {part} error", LOWEST, [_share(error, "1 - accuracy")]),
        ]
    return views


def measured_views(sweep: Sweep) -> list[View]:
    """The final and, where one way is better, the best values of all that was measured."""
    finals = [(each, each.final, "Final") for each in sweep.measured]
    bests = [(each, each.best, "Best") for each in sweep.measured if each.best is not None]
    return [
        _measured_view(sweep.table[column], each, name)
        for each, column, name in [*finals, *bests]
        if np.isfinite(sweep.table[column]).any()
    ]


def _measured_view(values: pd.Series, measured: Measured, name: str) -> View:
    found, label = values[np.isfinite(values)], measured_label(measured.name)
    group = GROUPS[name]
    note = f"{group}." if measured.better is None else f"{group}: bright is {measured.better}."
    note += " Blank: no finite number." * (len(found) < len(values))
    return View(f"{name} {label}", note, [_measured(found, measured, text(label))], group=group)


def _measured(values: pd.Series, measured: Measured, title: str) -> Layer:
    """Finite numbers on the scale that suits them, the better ones brighter."""
    if measured.name.endswith("accuracy") and measured.of_every_step:
        return _share(values, "accuracy")
    colours = colormaps[BETTER_COLOURS.get(measured.better, NEITHER)]
    if logarithmic(values, measured.better):
        least = float(values[values > 0].min())
        return _logarithmic(values.clip(lower=least), least, float(values.max()), colours, title)
    low, high = float(values.min()), float(values.max())
    if low == high:
        high += 0.1 * (abs(high) or 1)
    scale = {"cmin": low, "cmax": high, "colorscale": colour_scale(colours)}
    return Layer(values, scale | {"colorbar": {"title": {"text": title}}})


def _phases(phases: pd.Series, palette: Palette) -> Layer:
    edges = np.arange(len(Phase) + 1) / len(Phase)
    colours = [to_hex(palette[phase]) for phase in Phase]
    scale = [(e, c) for i, c in enumerate(colours) for e in edges[i : i + 2].tolist()]
    ends = {"cmin": -0.5, "cmax": len(Phase) - 0.5, "showscale": False, "colorbar": {}}
    return Layer(phase_codes(phases), ends | {"colorscale": scale})


def _legend(sweep: Sweep, palette: Palette) -> list[dict[str, Any]]:
    """Traces of no points that name the phases in the legend, which can wrap."""
    counts = sweep.known["phase"].value_counts()
    return [
        {"type": "scatter", "mode": "markers", "x": [None], "y": [None]}
        | {"name": f"{phase} ({counts.get(str(phase), 0)})", "hoverinfo": "skip"}
        | {"marker": {"symbol": "square", "size": 12, "color": to_hex(palette[phase])}}
        for phase in Phase
    ]


def _times(times: pd.Series, budget: int, name: str) -> list[Layer]:
    """Steps to a threshold, and where it was never reached."""
    steps = times.astype("float64")
    never = Layer(
        steps[steps.isna()].fillna(0.0),
        {"colorscale": [(0, NEVER), (1, NEVER)], "showscale": False, "colorbar": {}},
    )
    return [_steps(steps.dropna(), budget, colormaps["viridis"], f"{name} (steps)"), never]


def _steps(steps: pd.Series, budget: int, colours: Colormap, title: str) -> Layer:
    """Steps on a logarithmic scale, what is below its floor as the floor."""
    low, high = step_limits(steps, budget)
    return _logarithmic(steps.clip(lower=low), low, high, colours, title)


def _stuck(steps: pd.Series, confused: pd.Series, budget: int) -> Layer:
    """T_train of those that memorise; the confused are black as the scale's end."""
    low, high = step_limits(steps.mask(confused), budget)
    values = steps.mask(confused, high).clip(lower=low)
    layer = _logarithmic(values, low, high, stuck_colours(), "T_train<br>(steps)")
    darkest = layer.scale["colorscale"][-1][1]
    ends = [(1 - TOP, darkest), (1 - TOP, CONFUSED), (1, CONFUSED)]
    return Layer(layer.values, layer.scale | {"colorscale": layer.scale["colorscale"][:-1] + ends})


def _losses(losses: pd.Series) -> Layer:
    low, high = loss_limits(losses)
    return _logarithmic(losses.clip(lower=low), low, high, colormaps["viridis"], "loss")


def _logarithmic(
    values: pd.Series, low: float, high: float, colours: Colormap, title: str
) -> Layer:
    marks, texts = logarithmic_marks(low, high)
    bar = {"title": {"text": title}, "tickvals": np.log10(marks).tolist(), "ticktext": texts}
    ends = {"cmin": math.log10(low), "cmax": math.log10(high)}
    scale = {"colorscale": colour_scale(colours), "colorbar": bar}
    powers_of_ten = pd.Series(np.log10(values.astype("float64")), values.index)
    return Layer(powers_of_ten, ends | scale)


def _share(values: pd.Series, title: str) -> Layer:
    """Values from 0 to 1."""
    bar = {"title": {"text": f"{title} (0 to 1)"}}
    ends = {"cmin": 0, "cmax": 1}
    return Layer(values, ends | {"colorscale": colour_scale(colormaps["viridis"]), "colorbar": bar})
