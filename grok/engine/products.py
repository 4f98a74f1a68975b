"""Large matrix products of a compiled step in single precision, not on Intel's CPUs: by oneDNN.

PyTorch leaves them to MKL, which on other processors than Intel's uses half the width of their
vector units. oneDNN, which PyTorch brings along for convolutions, uses it all. PyTorch has no
setting for that which would rule out bfloat16, so the compiled graph is rewritten.
"""

from __future__ import annotations

import platform
from pathlib import Path

import torch
from torch import Tensor
from torch._inductor.custom_graph_pass import CustomGraphPass, get_hash_for_files

LARGE = 2**22
"""Multiplications in one member's product from which a call of its own is worth while."""

AVAILABLE: bool = torch.backends.mkldnn.is_available() and hasattr(  # type: ignore[no-untyped-call]
    torch.ops.mkldnn, "_linear_pointwise"
)


def by_intel() -> bool:
    """Whether the processor is Intel's, on which MKL is the faster by a third."""
    processors = Path("/proc/cpuinfo")
    told = processors.read_text() if processors.is_file() else platform.processor()
    return "GenuineIntel" in told


USED: bool = AVAILABLE and not by_intel()


@torch.library.custom_op("grok::products", mutates_args=(), tags=(torch.Tag.flexible_layout,))
def products(a: Tensor, b: Tensor) -> Tensor:
    """Each member's matrix product.

    Args:
        a: shape (K, n, m), single precision, on a CPU, strides as they may be.
        b: shape (K, m, p), likewise.

    Returns:
        Shape (K, n, p). A member's numbers don't depend on K.
    """
    each = [_product(one, _dense(other)) for one, other in zip(a, b, strict=True)]
    return each[0][None] if len(each) == 1 else torch.stack(each)


def _dense(matrix: Tensor) -> Tensor:
    """The matrix without gaps between its rows, or its columns.

    A second factor with gaps oneDNN multiplies a thousand times more slowly.
    """
    whole = matrix.is_contiguous() or matrix.mT.is_contiguous()
    return matrix if whole else matrix.contiguous()


def _product(a: Tensor, b: Tensor) -> Tensor:
    result: Tensor = torch.ops.mkldnn._linear_pointwise(a, b.mT, None, "none", [], "")
    return result


@products.register_fake
def _(a: Tensor, b: Tensor) -> Tensor:
    return a.new_empty(a.shape[0], a.shape[1], b.shape[2])


class ByOneDNN(CustomGraphPass):
    """Rewrites the large products of a graph that is being compiled."""

    def __call__(self, graph: torch.fx.Graph) -> None:
        """Have oneDNN take each large batched product in single precision on a CPU."""
        if not USED:
            return
        for node in graph.find_nodes(op="call_function", target=torch.ops.aten.bmm.default):
            factor, result = node.args[0].meta["val"], node.meta["val"]
            (_, n, m), p = factor.shape, result.shape[-1]
            fits = result.dtype == torch.float32 and result.device.type == "cpu"
            if fits and n * m * p >= LARGE:
                node.target = torch.ops.grok.products.default

    def uuid(self) -> bytes:
        """Tells code in the cache from what another version or processor compiled."""
        content: bytes = get_hash_for_files((__file__,))
        return content + bytes([USED])
