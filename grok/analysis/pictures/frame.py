"""The range of another sweep, outlined on the phase diagrams of a wider one (Re-TUG, Figure 5)."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from grok.analysis.numbers.frame import Box
from grok.analysis.numbers.layout import Layout

FRAME_COLOUR = "red"


def draw_frame(figure: Figure, layout: Layout, outline: Box) -> None:
    """Draw `outline` on each panel of a phase diagram."""
    left, right, top, bottom = outline
    for axes in figure.axes[: len(layout.panels)]:
        corner, size = (left, top), (right - left, bottom - top)
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=FRAME_COLOUR, linewidth=2))
