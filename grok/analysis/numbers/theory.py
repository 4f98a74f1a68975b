"""The LU mechanism's time to generalise, as contours over phase diagrams (Omnigrok, section 2).

The prediction is `decay.lu_prediction`: ln(w0 / w_c) / (learning rate x weight
decay) steps, the time that decay alone takes from the initial weight norm w0 to the critical one
w_c. w0 is in every record, and w_c is the geometric mean of the norms at T_val over the members of
a diagram that generalised.

It says something where decay shrinks all parameters alike, learning rate x weight decay the same
in both groups: a sweep with one learning rate and one weight decay. It gives no number

- in the published toy diagrams: embeddings don't decay, so only a part of the norm would shrink;
  and from w0 to T_val it grows, in every cell of Re-TUG's Figure 1, right;
- on MNIST over decoder learning rate and weight decay: one weight decay, but the encoder's
  learning rate is fixed at 1e-3, so the groups decay at two rates. Pure decay then lies between
  the predictions for either rate. How far along depends on the norm of each group, which isn't
  recorded, and over learning rates of 1e-6 to 1 the bounds are up to three decades apart;
- without weight decay, or where w_c isn't below w0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from grok.analysis.numbers.decay import lu_prediction
from grok.analysis.numbers.landscape import scale_key
from grok.analysis.numbers.layout import cells, phase_layout, select
from grok.analysis.read.sweep import Sweep
from grok.errors import UserError
from grok.record.meaning import LEARNING_RATE, WEIGHT_DECAY, keys_of

LEAST_CONTOURS = 3


def predictions(sweep: Sweep, kinds: list[str]) -> list[NDArray[np.float64]]:
    """The predicted T_val of every cell (steps, NaN where there is none), an image a panel.

    Images have the shape (len(ys), len(xs)) of the phase diagram's.

    Args:
        kinds: the kinds of pictures that are drawn.

    Raises:
        UserError: no phase diagram over a weight decay is drawn, no member has reached T_val with
            its weight norms known, decay differs between the groups, or w_c isn't below w0.
    """
    layout = phase_layout(sweep)
    decays = keys_of(sweep.roles, WEIGHT_DECAY)
    if "phases" not in kinds or layout is None or not {layout.x, layout.y} & set(decays):
        wanted = f"sweep {decays[0]}" if decays else "its records name none"
        raise _impossible(sweep, f"no phase diagram over a weight decay is drawn; {wanted}")
    table = sweep.table
    if not (table["decay_per_step"] > 0).any():
        raise _impossible(
            sweep,
            "learning rate x weight decay isn't the same in encoder and decoder, and the norm of "
            f"each isn't recorded; sweep AdamW at a constant rate, with {_alike(sweep)}",
        )
    if table[["initial_norm", "norm_at_t_val"]].dropna().empty:
        raise _impossible(
            sweep,
            "no record has the weight norms at the start and at T_val; keep callbacks=default",
        )
    images = []
    for panel in layout.panels:
        members = select(table, panel)
        images.append(cells(table, layout, panel, lu_prediction(members)))
    if all(np.isnan(image).all() for image in images):
        raise _impossible(
            sweep,
            "w_c, the weight norm at T_val, isn't below the initial one; raise " + scale_key(sweep),
        )
    if not any(has_contours(image) for image in images):
        raise _impossible(
            sweep, "contours take 2 x 2 neighbouring cells with weight decay; sweep more values"
        )
    return images


def has_contours(image: NDArray[np.float64]) -> bool:
    """Whether there are 2 x 2 neighbouring cells for a contour to pass between."""
    known = np.isfinite(image)
    return bool((known[1:, 1:] & known[1:, :-1] & known[:-1, 1:] & known[:-1, :-1]).any())


def contour_levels(steps: np.ma.MaskedArray) -> list[float]:
    """Powers of ten between the least and the most, and 2 and 5 times those where they are few."""
    low, high = float(steps.min()), float(steps.max())
    wholes = np.arange(np.floor(low), np.ceil(high) + 1)
    fine = np.sort(np.add.outer(wholes, np.log10([1, 2, 5])).ravel())
    for levels in (wholes, fine):
        crossed = [float(level) for level in levels if low < level < high]
        if len(crossed) >= LEAST_CONTOURS:
            return crossed
    return crossed or [(low + high) / 2]


def _alike(sweep: Sweep) -> str:
    """The overrides that make learning rates and weight decays the same in all groups."""
    kinds = [keys_of(sweep.roles, kind) for kind in (LEARNING_RATE, WEIGHT_DECAY)]
    return " ".join(f"{key}=${{{found[0]}}}" for found in kinds for key in found[1:])


def _impossible(sweep: Sweep, why: str) -> UserError:
    return UserError(f"--theory: nothing to draw of {sweep.folder}: {why}")
