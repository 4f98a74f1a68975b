"""Every picture of a sweep, by file name. A new kind of picture is one more line here."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.figure import Figure

from grok.analysis import curves, lines, phase_diagram, trajectories
from grok.analysis.palette import Palette
from grok.analysis.table import Sweep

# Each draws a sweep with at least one finished member, or returns None where it doesn't apply.
PICTURES: dict[str, Callable[[Sweep, Palette], Figure | None]] = {
    "phases": phase_diagram.discrete,
    "smooth": phase_diagram.smooth,
    "lines": lines.draw,
    "curves": curves.draw,
    "trajectories_early": trajectories.early,
    "trajectories": trajectories.whole,
}
