"""Matrix products for recorded steps, by products.cpp."""

from __future__ import annotations

import ctypes
import functools
import platform
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from grok.engine.recording import UnrecordableError, address, native

FUNCTIONS = {
    torch.float32: ("product_float32", "sgemm_"),
    torch.float64: ("product_float64", "dgemm_"),
}
"""Of products.cpp and of BLAS."""


class Call(NamedTuple):
    """A call of a function that takes a product: its arguments are addresses.

    Attributes:
        shape: has to stay where it is.
    """

    function: Any
    pointers: list[int]
    shape: Tensor


def product(a: Tensor, b: Tensor, bias: Tensor | None, out: Tensor) -> Call:
    """Take the product of two matrices, or of as many pairs as there are, and a bias.

    Args:
        a: shape (m, k) or (batch, m, k), on a CPU, strides as they may be.
        b: shape (k, n), or likewise.
        bias: added; may be the same for all rows, columns or matrices.
        out: shape (m, n), or likewise; rows or columns without gaps.

    Raises:
        UnrecordableError: of another dtype than single or double precision, or with gaps in `out`.
    """
    if out.dtype not in FUNCTIONS:
        raise UnrecordableError(f"a product of {out.dtype}")
    own, library = FUNCTIONS[out.dtype]
    function = getattr(native("products"), own)
    if 1 not in (strides := _strides(out))[1:]:
        raise UnrecordableError(f"a product with strides {strides}")
    *batch, m, k = a.shape
    sizes = [*(batch or [1]), m, b.shape[-1], k]
    added = (0, 0, 0) if bias is None else _broadcast(bias)
    with _disable_current_modes():
        shape = torch.tensor([*sizes, *_strides(a), *_strides(b), *added, *strides])
    pointers = [
        a.data_ptr(),
        b.data_ptr(),
        0 if bias is None else bias.data_ptr(),
        out.data_ptr(),
        shape.data_ptr(),
        blas(library),
    ]
    function(*map(ctypes.c_void_p, pointers))
    return Call(function, pointers, shape)


@functools.cache
def blas(name: str) -> int:
    """The address of a function of the BLAS that PyTorch brings along, 0 where it isn't used.

    It is where it is the faster one: Intel's on Intel's processors.
    """
    library = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
    if not (by_intel() and library.is_file()):
        return 0
    function = getattr(ctypes.CDLL(str(library)), name, None)
    return 0 if function is None else address(function)


def by_intel() -> bool:
    """Whether the processor is Intel's."""
    processors = Path("/proc/cpuinfo")
    told = processors.read_text() if processors.is_file() else platform.processor()
    return "GenuineIntel" in told


def _strides(tensor: Tensor) -> tuple[int, int, int]:
    """Between matrices, rows and columns; 1 where there is but one."""
    of_dimensions = zip(tensor.shape, tensor.stride(), strict=True)
    batch, row, col = [1, *(1 if size == 1 else stride for size, stride in of_dimensions)][-3:]
    return batch, row, col


def _broadcast(tensor: Tensor) -> tuple[int, int, int]:
    """Likewise, of a tensor that is the same along dimensions that are missing or of size 1."""
    of_dimensions = zip(tensor.shape, tensor.stride(), strict=True)
    strides = [0 if size == 1 else stride for size, stride in of_dimensions]
    batch, row, col = [0, 0, 0, *strides][-3:]
    return batch, row, col
