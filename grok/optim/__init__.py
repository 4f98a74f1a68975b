"""How weights are moved: one file an optimizer. Knows nothing of tasks or stacks."""

from grok.optim.adam import Adam
from grok.optim.adamw import AdamW
from grok.optim.optimizer import GROUPS, Optimizer, PlainGroup
from grok.optim.sgd import SGD

__all__ = ["GROUPS", "SGD", "Adam", "AdamW", "Optimizer", "PlainGroup"]
