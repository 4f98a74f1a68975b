"""The LU mechanism's time to generalise, as contours over phase diagrams (Omnigrok, section 2)."""

from __future__ import annotations

import numpy as np
from matplotlib import patheffects
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from grok.analysis.numbers.labels import number
from grok.analysis.numbers.theory import contour_levels, has_contours

WITH_PREDICTION = ("phases", "smooth")
PREDICTION_COLOUR = "#D55E00"


def draw_prediction(figure: Figure, images: list[NDArray[np.float64]]) -> None:
    """Contours of `images` over the panels of a phase diagram, at powers of ten and labelled.

    Interpolated between cells in the logarithm of the prediction.
    """
    halo: list[patheffects.AbstractPathEffect] = [
        patheffects.withStroke(linewidth=2.5, foreground="white")
    ]
    for axes, image in zip(figure.axes, images, strict=False):
        if not has_contours(image):
            continue
        steps = np.ma.masked_invalid(np.log10(image))
        lines = axes.contour(
            steps, levels=contour_levels(steps), colors=PREDICTION_COLOUR, linewidths=1.4
        )
        lines.set_path_effects(halo)
        for text in lines.clabel(fmt=lambda level: number(float(10**level), 1), fontsize=8):
            text.set_path_effects(halo)
    entry = Line2D(
        [], [], color=PREDICTION_COLOUR, linewidth=1.4, label="T_val by the LU mechanism (steps)"
    )
    figure.legend(handles=[entry], loc="outside lower center", fontsize=8, frameon=False)
