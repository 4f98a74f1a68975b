"""How many members a GPU's memory holds."""

from __future__ import annotations

import gc

import torch
from torch.utils import _pytree as pytree

from grok.engine.member import Drawn
from grok.engine.sizes import whole_blocks
from grok.engine.stack import Stack
from grok.tasks import Task


class Room:
    """A share of a GPU's free memory, with a quarter of it to spare.

    What a member takes is measured by an uncompiled step, which takes the most, of one member and
    of two with the same data.

    Args:
        task, drawn: of a member that is like all others.
        device: the GPU.
        sharing: processes that take a share each, this one among them.
        copies: of a member's state that are there besides.
        steps: of a call, for each of which the numbers of a minibatch's samples are there.
    """

    def __init__(
        self,
        task: Task,
        drawn: Drawn,
        device: torch.device,
        sharing: int = 1,
        copies: int = 0,
        steps: int = 0,
    ) -> None:
        peaks = []
        for size in (1, 2):
            torch.cuda.reset_peak_memory_stats(device)
            stack = Stack(task, [drawn] * size, device, compiled=False)
            stack.advance(stack.whole_epochs(1))
            peaks.append(torch.cuda.max_memory_allocated(device))
        gc.collect()  # a stack that failed may be held by its exception
        torch.cuda.empty_cache()
        free, _ = torch.cuda.mem_get_info(device)
        self._device = device
        self._share = 0.75 * free / sharing
        state = sum(tensor.nbytes for tensor in pytree.tree_leaves(drawn.state))
        rows = 0 if drawn.batches is None else drawn.batches.size * torch.int64.itemsize
        self._member = max(1, peaks[1] - peaks[0]) + copies * state + steps * rows

    def slots(self, own: int) -> int:
        """How many members fit, at least 1; more than a block are whole blocks.

        Args:
            own: bytes of what each is given that not all have in common; see `grok.engine.shared`.
        """
        return whole_blocks(max(1, int(self._share / (self._member + own))), self._device)
