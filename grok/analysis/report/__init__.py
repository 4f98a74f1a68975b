"""A sweep as one HTML file: hover over a member for its outcome, choose it for its curves.

The file holds plotly.js, the numbers and ``page.html``, and asks the network for nothing.
Modules: `grid`, of `views`, `lines` and `crossings` make pictures, `members` and `figure` what
choosing one shows and `facts` the words.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from importlib import resources
from typing import Any

from plotly.offline import get_plotlyjs

from grok.analysis.numbers.kinds import kinds
from grok.analysis.numbers.labels import finished, number
from grok.analysis.numbers.layout import choose, swept
from grok.analysis.numbers.paths import Crossing
from grok.analysis.pictures.palette import Palette
from grok.analysis.read.sweep import Sweep
from grok.analysis.report import crossings, figure, grid, lines, members, views
from grok.analysis.report.facts import configuration, cost, definitions, facts, heading
from grok.analysis.report.parts import Picture, text
from grok.errors import attempt
from grok.printable import printable

NAME = "report.html"


def page(sweep: Sweep, palette: Palette, crossing: Crossing | None = None) -> str:
    """The HTML of a sweep with at least one finished member.

    Args:
        crossing: free members to be drawn over the sweep, a landscape.
    """
    return filled(filling(sweep, palette, crossing))


def filled(parts: dict[str, str]) -> str:
    """``page.html`` with what `filling` gives, and plotly.js."""
    template = resources.files(__name__).joinpath("page.html").read_text(encoding="utf-8")
    parts = {**parts, "plotly": get_plotlyjs()}
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)


def filling(sweep: Sweep, palette: Palette, crossing: Crossing | None = None) -> dict[str, str]:
    """What the page of a sweep has that those of others haven't, by its place in ``page.html``."""
    data = embed(contents(sweep, palette, crossing))  # before the facts, which name damaged files
    told = facts(sweep)
    rows = (f"<dt>{_escape(name)}</dt><dd>{_escape(value)}</dd>" for name, value in told.items())
    times, phases = definitions(sweep)
    lines = (f"<tr><th>{name}</th><td>{_escape(words)}</td></tr>" for name, words in phases.items())
    return {
        "title": _escape(f"{told['Task']}: {sweep.folder.resolve().name}"),
        "heading": _escape(heading(sweep, told["Task"])),
        "summary": _escape(f"{finished(sweep)}; {cost(sweep)}"),
        "facts": "\n".join(rows),
        "times": _escape(times),
        "phases": "\n".join(lines),
        "configuration": "\n".join(map(_escape, configuration(sweep))),
        "data": data,
    }


def contents(sweep: Sweep, palette: Palette, crossing: Crossing | None = None) -> dict[str, Any]:
    """What the page's script draws.

    Keys: ``keys``, a name and the values' texts for each swept key; ``members`` and ``member``,
    see `members.collect` and `figure.member_picture`; ``first``, the job that is chosen at first;
    ``grid``, see `grid.grid_picture`, or None;
    ``figures``, dictionaries of ``title``, ``data`` and ``layout``.
    """
    told = members.words(sweep)
    texts = {job: text("\n".join(each)) for job, each in told.items()}
    collected = members.collect(sweep, palette, told)
    return {
        "keys": [[key, [number(value) for value in found]] for key, found in swept(sweep).items()],
        "members": collected,
        "first": members.worth_seeing(sweep, collected),
        "member": figure.member_picture(collected, sweep.measured),
        "grid": _part("grid", _grid, sweep, palette, texts),
        "figures": _figures(sweep, palette, texts, crossing),
    }


def embed(content: Any) -> str:
    """`content` as strict JSON that can't end the script element it stands in."""
    packed = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return packed.replace("<", "\\u003c").replace("&", "\\u0026")


def _grid(sweep: Sweep, palette: Palette, texts: dict[int, str]) -> Picture | None:
    if choose(sweep).y is None:
        return None
    of_cells = (
        views.landscape_views(sweep)
        if "landscape" in kinds(sweep)
        else views.phase_views(sweep, palette)
    )
    return grid.grid_picture(sweep, [*of_cells, *views.measured_views(sweep)], texts, palette)


def _figures(
    sweep: Sweep, palette: Palette, texts: dict[int, str], crossing: Crossing | None
) -> list[Picture]:
    shown = kinds(sweep)
    found: dict[str, Picture | None] = {}

    def add(title: str, draw: Callable[..., Picture | None], *arguments: Any) -> None:
        found[title] = _part(title, draw, *arguments)

    if "times" in shown:
        add("Time to generalise", lines.times_picture, sweep, palette, texts)
        add("Time to generalise against weight decay", lines.decays_picture, sweep, texts)
    if "landscape" in shown:
        add("Loss landscape", lines.losses_picture, sweep, texts)
    if crossing is not None:
        add("Paths of free members", crossings.crossing_picture, crossing, palette)
    return [{"title": title} | picture for title, picture in found.items() if picture is not None]


def _part(name: str, draw: Callable[..., Picture | None], *arguments: Any) -> Picture | None:
    """The picture that `draw` gives, if it can be drawn and embedded."""

    def drawn() -> Picture | None:
        picture = draw(*arguments)
        embed(picture)
        return picture

    return attempt(f"report, {name}", drawn)


def _escape(words: str) -> str:
    return html.escape(printable(words))
