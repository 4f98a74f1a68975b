"""Trains a stack of members as one tensor program. Knows nothing of Hydra or sweeps."""

from grok.engine.member import Member
from grok.engine.module import StackModule
from grok.engine.slots import Rows

__all__ = ["Member", "Rows", "StackModule"]
