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
from grok.analysis.read.sweep import Sweep

Draw = Callable[[Sweep, Palette], Figure | None]
# Each draws a sweep with at least one finished member, or returns None where it doesn't apply.
PICTURES: dict[str, dict[str, Draw]] = {
    "phases": {
        "phases": phase_diagram.draw_phases,
        "smooth": phase_diagram.draw_smooth,
        "seeds": seeds.draw_seeds,
        "t_train": phase_diagram.draw_train_times,
    },
    "times": {"lines": lines.draw_lines, "decay": decay.draw_decay},
    "landscape": {
        "landscape": landscape.draw_landscape,
        "slices": landscape.draw_slices,
        "plane": plane_maps.draw_planes,
        "boundaries": plane_maps.draw_boundaries,
    },
    "curves": {
        "curves": curves.draw_curves,
        "curves_panels": curves.draw_curve_panels,
        "loss_panels": curves.draw_loss_panels,
        "curves_lines": curves.draw_curve_lines,
        "measures": measures.draw_measures,
        "spectra": spectra.draw_spectra,
    },
    "trajectories": {
        "trajectories_early": trajectories.draw_early_trajectories,
        "trajectories": trajectories.draw_trajectories,
    },
}
