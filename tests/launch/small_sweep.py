"""A sweep of four small members, and what is compared of its table."""

from grok.analysis import load

SWEEP = [
    "-m",
    "engine.compile=false",
    "phase.budget=200",
    "phase.threshold=0.4",
    "trainer.precision=64-true",
    "opt.lr_dec=1e-2,1e-3",
]
STRUCTURES = [*SWEEP, "task.activation=tanh,relu"]
"""Of two networks."""


def table(folder):
    """All that doesn't depend on where and when a sweep was trained."""
    return load(folder).drop(columns=["wall_seconds", "folder"])
