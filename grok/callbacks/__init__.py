"""What is observed of each member while it trains, and left in its folder."""

from grok.callbacks.checkpoints import Checkpoints
from grok.callbacks.curves import Curves
from grok.callbacks.measures import Measures
from grok.callbacks.member import MemberCallback
from grok.callbacks.pace import Shown, Told
from grok.callbacks.phase import PhaseDetection
from grok.callbacks.record import RecordWriter
from grok.callbacks.weight_norm import WeightNorm
from grok.callbacks.weights import KeptWeights

__all__ = [
    "Checkpoints",
    "Curves",
    "KeptWeights",
    "Measures",
    "MemberCallback",
    "PhaseDetection",
    "RecordWriter",
    "Shown",
    "Told",
    "WeightNorm",
]
