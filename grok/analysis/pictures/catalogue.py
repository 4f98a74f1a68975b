"""Every picture of a sweep, by kind and file name. A new one is one more line here."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.figure import Figure

from grok.analysis.pictures import (
    curves,
    decay,
    landscape,
    lines,
    measures,
    phase_diagram,
    plane_maps,
    seeds,
    spectra,
    trajectories,
)
from grok.analysis.pictures.palette import Palette
from grok.analysis.read.table import Sweep

Draw = Callable[[Sweep, Palette], Figure | None]
# Each draws a sweep with at least one finished member, or returns None where it doesn't apply.
PICTURES: dict[str, dict[str, Draw]] = {
    "phases": {
        "phases": phase_diagram.discrete,
        "smooth": phase_diagram.smooth,
        "seeds": seeds.draw,
        "t_train": phase_diagram.train_times,
    },
    "times": {"lines": lines.draw, "decay": decay.draw},
    "landscape": {
        "landscape": landscape.draw,
        "plane": plane_maps.maps,
        "boundaries": plane_maps.boundaries,
    },
    "curves": {
        "curves": curves.draw,
        "curves_panels": curves.panels,
        "measures": measures.draw,
        "spectra": spectra.draw,
    },
    "trajectories": {
        "trajectories_early": trajectories.early,
        "trajectories": trajectories.whole,
    },
}
