"""Trains a stack of members as one tensor program. Knows nothing of Hydra or sweeps.

`module`, in Lightning's hands, seats members in slots and asks its `stack` for steps. What a step
of one member is, `step` says. A stack takes it in one of these ways:

- `plain`: a loop as PyTorch's users write it, of one member; the reference.
- `compiled`: mapped over the members and compiled, and held against the uncompiled step (`check`).
- `played`: on a CPU, what `recorder` has found a compiled step of one member to call
  (`recording`; its products are by `products`), for one member after the other.
- `replay`: on a GPU, the compiled step captured as a graph.

`member` draws what a member starts from, `batches` its minibatches, and `waiting` brings the next;
`shared` holds once what members have in common, `observer` measures them, `retaken` goes back to
steps that have been taken, `memory` tells how many members a GPU holds, and `sizes` when a stack
shrinks. `equality` proves that a member's result doesn't depend on its stack.
"""

from grok.engine.member import Member
from grok.engine.module import StackModule
from grok.engine.slots import Rows

__all__ = ["Member", "Rows", "StackModule"]
