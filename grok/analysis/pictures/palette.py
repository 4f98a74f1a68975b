"""The looks that both kinds of pictures share: colours, and how T_train and T_val are drawn.

Colours are safe for the colour-blind unless asked otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from matplotlib import colormaps, patheffects
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap, to_hex, to_rgb
from matplotlib.patches import Patch

from grok.analysis.numbers.labels import TIME_NAMES
from grok.phases import Phase

Palette = Mapping[Phase, str]

# Okabe and Ito's sky blue, yellow, blue and black: also 70, 89, 46 and 0 of 100 in lightness,
# so the phases stay apart in grey-scale.
SAFE: Palette = {
    Phase.COMPREHENSION: "#56B4E9",
    Phase.GROKKING: "#F0E442",
    Phase.MEMORIZATION: "#0072B2",
    Phase.CONFUSION: "#000000",
}
PAPER: Palette = {
    Phase.COMPREHENSION: "yellowgreen",
    Phase.GROKKING: "gold",
    Phase.MEMORIZATION: "darkslateblue",
    Phase.CONFUSION: "black",
}
PALETTES: dict[str, Palette] = {"safe": SAFE, "paper": PAPER}

TRAIN, VALIDATION = "#D55E00", "#0072B2"
INK = "#333333"
"""Of lines that need no colour of their own."""
LAW = "#CC79A7"
"""Of what is fitted or predicted."""
BUDGET = "#D55E00"
CONFUSED = "#000000"
"""Of members that never fit, on maps of steps."""
REDUCED = "#777777"
"""Of the losses at held norms, under the paths of free members."""
LOSS_MAP, CONTOUR, STAR = "Blues_r", "#F0E442", "#009E73"
# Yellow is hard to see on white without an edge.
EDGE = [patheffects.withStroke(linewidth=1.9, foreground="#444444")]
IMPLIED_HATCH = "\\\\\\\\"
"""Slanted the other way than what is missing."""
STRIP = 0.04
"""Height of a strip of phases, of the panel's: less than is left free below the lowest point."""


class TimeLook(NamedTuple):
    """How a time is drawn.

    Attributes:
        name: in legends.
        marker, line: Matplotlib's words.
        symbol, dash: plotly.js's words for the same.
    """

    name: str
    marker: str
    line: str
    symbol: str
    dash: str


TIME_LOOKS = {
    "t_train": TimeLook(TIME_NAMES["t_train"], "o", "--", "circle", "dash"),
    "t_val": TimeLook(TIME_NAMES["t_val"], "s", "-", "square", "solid"),
}


def phase_colours(palette: Palette) -> ListedColormap:
    """The colour map of the codes 0 to 3, the order of `Phase`."""
    return ListedColormap([palette[phase] for phase in Phase])


def delay_colours() -> Colormap:
    """Steps from T_train to T_val: light, so it can't be taken for `stuck_colours`."""
    return part("viridis", 0.4, 1.0)


def stuck_colours() -> Colormap:
    """T_train of members that memorise: dark, but not black, which is `CONFUSED`."""
    return part("inferno", 0.55, 0.25)


def implied_look(colour: str) -> dict[str, Any]:
    """Of cells that weren't trained: `colour`, hatched darker, or lighter where it is dark."""
    red, green, blue = to_rgb(colour)
    towards = 1.0 if red + green + blue < 1.5 else 0.0
    line = to_hex(((red + towards) / 2, (green + towards) / 2, (blue + towards) / 2))
    return {"facecolor": colour, "edgecolor": line, "hatch": IMPLIED_HATCH}


def show_missing(axes: Axes) -> None:
    """Hatch the background of `axes`: it shows wherever no member is drawn."""
    axes.patch.set(facecolor="#eeeeee", edgecolor="#aaaaaa", hatch="////", linewidth=0)


def missing_patch(label: str = "missing") -> Patch:
    """The legend's entry of `show_missing`."""
    return Patch(facecolor="#eeeeee", edgecolor="#aaaaaa", hatch="////", label=label)


def implied_patch() -> Patch:
    """The legend's entry of cells that weren't trained, since all around are of one phase."""
    return Patch(**implied_look("white"), label="implied")


def phase_patches(palette: Palette) -> list[Patch]:
    """The legend's entries of the four phases."""
    return [Patch(facecolor=palette[phase], label=str(phase)) for phase in Phase]


def part(name: str, start: float, end: float) -> Colormap:
    """The colour map `name` from `start` to `end`, both from 0 to 1, in that direction."""
    whole = colormaps[name]
    return ListedColormap([whole(start + (end - start) * i / 255) for i in range(256)])
