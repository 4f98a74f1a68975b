"""The LU mechanism's time to generalise, as contours over phase diagrams (Omnigrok, section 2).

The prediction is `decay.lu_prediction`: ln(w0 / w_c) / (learning rate x weight
decay) steps, the time that decay alone takes from the initial weight norm w0 to the critical one
w_c. It has no free parameter: w0 is in every record, and w_c is measured, as the geometric mean of
the norms at T_val over the members of a diagram that generalised.

It says something where decay shrinks all parameters alike, learning rate x weight decay the same
in both groups: a sweep with ``opt.lr_enc`` equal to ``opt.lr_dec`` and ``opt.wd_enc`` to
``opt.wd_dec``. It gives no number

- in the published toy diagrams: embeddings don't decay (``opt.wd_enc`` 0), so only a part of the
  norm would shrink; and from w0 to T_val it grows, in every cell of Re-TUG's Figure 1, right;
- on MNIST over decoder learning rate and weight decay: one weight decay, but the encoder's
  learning rate is fixed at 1e-3, so the groups decay at two rates. Pure decay then lies between
  the predictions for either rate. How far along depends on the norm of each group, which isn't
  recorded, and over learning rates of 1e-6 to 1 the bounds are up to three decades apart;
- without weight decay, or where w_c isn't below w0.
"""

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
