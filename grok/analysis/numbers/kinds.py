"""Which kinds of pictures say something of a sweep."""

from __future__ import annotations

from grok.analysis.read.sweep import Sweep

KINDS = ("phases", "times", "landscape", "curves", "trajectories")


def kinds(sweep: Sweep) -> list[str]:
    """The kinds that say something of `sweep`: no phases where the weight norm is held."""
    beside = {"phases", "times"} if sweep.constrained else {"landscape"}
    return [kind for kind in KINDS if kind not in beside]
