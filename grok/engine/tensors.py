"""Nested structures of tensors: copied, stacked, and taken apart again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils import _pytree as pytree


def copy_into(into: Any, values: Any) -> None:
    """Copy tensors into those of the same structure."""
    for old, new in zip(pytree.tree_leaves(into), pytree.tree_leaves(values), strict=True):
        old.copy_(new)


Layout = tuple[tuple[torch.dtype, torch.Size, tuple[int, ...]], ...]
"""Dtype, shape and strides of tensors: what compiled code depends on."""


def layout(tree: Any) -> Layout:
    """Of the tensors, in order."""
    return tuple((each.dtype, each.shape, each.stride()) for each in pytree.tree_leaves(tree))


def stacked(parts: Sequence[Any], device: torch.device) -> Any:
    """The members' tensors with a leading dimension K, on the device."""
    return pytree.tree_map(lambda *tensors: torch.stack(tensors).to(device), *parts)


def in_place(tree: Any, index: int | slice | None) -> Any:
    """Of each tensor the part with this first index, such as a slot of a stack, as a view."""
    return pytree.tree_map(lambda tensor: tensor[index], tree)


def in_slot(stacked: dict[str, Any], slot: int) -> dict[str, Any]:
    """Copies of one member's part of a stack's tensors."""
    member: dict[str, Any] = pytree.tree_map(torch.clone, in_place(stacked, slot))
    return member
