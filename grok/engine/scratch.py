"""Memory for the buffers of a recorded step: the same at each step, and little of it."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor
from torch._C._dynamo import guards
from torch._prims_common import compute_required_storage_length
from torch.utils._python_dispatch import _disable_current_modes

ALIGNED = 64  # bytes


class Scratch:
    """Memory for a step's buffers; what one leaves is given to the next of its size.

    So that a step touches little memory, and always the same.
    """

    def __init__(self) -> None:
        self._blocks: list[Tensor] = []
        self._free: dict[int, list[Tensor]] = {}

    def empty(self, size: tuple[int, ...], stride: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """As ``torch.empty_strided`` on a CPU."""
        length = max(ALIGNED, -(-nbytes(size, stride, dtype) // ALIGNED) * ALIGNED)
        free = self._free.setdefault(length, [])
        with _disable_current_modes():
            block = free.pop() if free else self._block(length)
            buffer = block.view(dtype).as_strided(size, stride)
        weakref.finalize(buffer, free.append, block)
        return buffer

    def _block(self, length: int) -> Tensor:
        whole = torch.empty(length + ALIGNED, dtype=torch.uint8)
        block = whole[-whole.data_ptr() % ALIGNED :][:length]
        self._blocks.append(block)
        return block

    def spoil(self) -> None:
        """Leave nothing that a step might take for its own: all numbers are nan."""
        for block in self._blocks:
            block.fill_(255)


def view(base: Tensor, size: tuple[int, ...], stride: tuple[int, ...], offset: int) -> Any:
    """A view of a buffer, which is in use for as long as the view is."""
    view = guards._reinterpret_tensor(base, size, stride, offset)  # type: ignore[attr-defined]
    view.base_in_use = base
    return view


def nbytes(size: tuple[int, ...], stride: tuple[int, ...], dtype: torch.dtype) -> int:
    """Of memory that such a tensor takes, from its first element to its last."""
    return compute_required_storage_length(size, stride, 0) * dtype.itemsize
