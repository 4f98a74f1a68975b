"""How many members a GPU's memory holds."""

from __future__ import annotations

import torch
from torch.utils import _pytree as pytree

from grok.engine.member import Drawn
from grok.engine.stack import Stack
from grok.tasks import Task


def capacity(task: Task, drawn: Drawn, device: torch.device, sharing: int = 1) -> int:
    """How many members a share of a GPU's free memory holds, with a quarter of it to spare.

    Measured by an uncompiled step, which takes the most, of one member and of two.

    Args:
        sharing: processes that take a share each, this one among them.
    """
    peaks = []
    for size in (1, 2):
        torch.cuda.reset_peak_memory_stats(device)
        stack = Stack(task, [drawn] * size, device, compiled=False)
        stack.advance(stack.whole_epochs(1))
        peaks.append(torch.cuda.max_memory_allocated(device))
    # as if nothing were shared: one that comes later may bring data of its own
    own = sum(tensor.nbytes for tensor in pytree.tree_leaves(drawn.given))
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, int(0.75 * free / sharing / max(1, peaks[1] - peaks[0] + own)))
