"""The sizes that stacks have, and when a smaller one pays."""

from __future__ import annotations

import torch

BLOCK = 64
"""Slots whose step is compiled once on a GPU. Larger stacks are of whole blocks, so they shrink by
blocks without compiling anything, unless those that stay have in common what all hadn't."""
COMPILING = {"cpu": 5 * 10**9, "cuda": 15 * 10**11}
"""Weights, gradients and moments that a core, or a GPU, goes through while a step is compiled."""


def in_blocks(device: torch.device) -> bool:
    """Whether large stacks on this device are of blocks."""
    return device.type == "cuda"


def block_of(slots: int, device: torch.device) -> int:
    """How many slots of a stack are compiled as one."""
    return BLOCK if in_blocks(device) and slots % BLOCK == 0 else slots


def whole_blocks(slots: int, device: torch.device) -> int:
    """The largest size that isn't larger than this."""
    return slots - slots % BLOCK if in_blocks(device) and slots > BLOCK else slots


def fitting(members: int, most: int, device: torch.device) -> int:
    """The smallest size for so many members: of whole blocks, or by halves.

    Args:
        most: members that there may be; blocks may take some slots more.
    """
    size = most
    if in_blocks(device) and most > BLOCK:
        if members > BLOCK:
            return -(-members // BLOCK) * BLOCK
        size = BLOCK
    while size > 1 and (size + 1) // 2 >= members:
        size = (size + 1) // 2
    return size


def pays(size: int, idled: int, device: torch.device) -> bool:
    """Whether a larger stack, whose step is compiled, is to go on as one of so many slots.

    Args:
        idled: weights, gradients and moments that empty slots have gone through.
    """
    compiled = in_blocks(device) and size % BLOCK == 0
    return compiled or idled >= COMPILING[device.type]
