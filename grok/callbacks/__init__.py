"""What is observed of each member while it trains, and left in its folder."""

from grok.callbacks.checkpoints import Checkpoints
from grok.callbacks.curves import Curves
from grok.callbacks.embeddings import Embeddings
from grok.callbacks.member import MemberCallback
from grok.callbacks.phase import PhaseDetection
from grok.callbacks.record import RecordWriter
from grok.callbacks.weight_norm import WeightNorm

__all__ = [
    "Checkpoints",
    "Curves",
    "Embeddings",
    "MemberCallback",
    "PhaseDetection",
    "RecordWriter",
    "WeightNorm",
]
