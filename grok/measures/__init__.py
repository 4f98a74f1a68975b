"""What is measured of members at some of their steps: a class each, or one's own function."""

from grok.measures.fourier import FourierLosses, FourierPower
from grok.measures.measure import HIGHER, LOWER, Better, Function, Measure, Snapshot, log_spaced
from grok.measures.norms import Distance, GradientNorm, GroupNorms
from grok.measures.representation import RQI, Embeddings, Messiness

__all__ = [
    "HIGHER",
    "LOWER",
    "RQI",
    "Better",
    "Distance",
    "Embeddings",
    "FourierLosses",
    "FourierPower",
    "Function",
    "GradientNorm",
    "GroupNorms",
    "Measure",
    "Messiness",
    "Snapshot",
    "log_spaced",
]
