"""A step of one member on a CPU, compiled and recorded: a list of calls that need no Python.

PyTorch's compiler leaves a Python function that makes buffers and calls compiled code and products
of matrices. For small networks that function takes as long as what it calls. Here it runs once,
with its calls recorded; `Recording.play` then makes them for any member of any stack, a member's
steps one after the other, so that what they read and write stays in the processor's caches.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import logging
import os
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor
from torch._guards import TracingContext, tracing
from torch._inductor import config as inductor
from torch._inductor.codecache import get_lock_dir
from torch._inductor.compile_fx import compile_fx_inner
from torch._inductor.decomposition import select_decomp_table
from torch.func import functionalize
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from grok.engine.compiler import CompilationError
from grok.engine.products import product
from grok.engine.recording import Recording, UnrecordableError, address
from grok.engine.scratch import Scratch, nbytes, view
from grok.engine.step import METRICS, Given, Kind, State, member_step
from grok.engine.tanh import ByPolynomials
from grok.engine.tensors import Layout, copy_into, layout
from grok.tasks import Batch
from grok.tasks.model import Model

log = logging.getLogger(__name__)

MOST_ARGUMENTS = 255  # as play.cpp
KERNEL = "cpp_fused"
"""What the names of compiled functions begin with."""


RECORDINGS: dict[tuple[Kind, Layout], Recording | None] = {}
"""By what a step and its tensors are; None for one that can't be recorded."""


def recorded(
    kind: Kind, model: Model, state: State, coefficients: Tensor, batch: Batch, given: Given
) -> Recording | None:
    """As `record`, kept for further steps of this kind and layout; None where it can't be."""
    key = (kind, layout((state, coefficients, batch, given)))
    if key not in RECORDINGS:
        try:
            RECORDINGS[key] = record(kind, model, state, coefficients, batch, given)
        except UnrecordableError as error:
            log.info("a step is compiled for the whole stack, for it has %s", error)
            RECORDINGS[key] = None
    return RECORDINGS[key]


def record(
    kind: Kind, model: Model, state: State, coefficients: Tensor, batch: Batch, given: Given
) -> Recording:
    """Compile a step of one member and record it.

    Its inputs are the tensors of these arguments, those of `member_step`, in the order of their
    leaves, and one of shape (5,) for what it measures.

    Raises:
        UnrecordableError: it calls anything but compiled code and products.
        CompilationError: it can't be compiled.
    """
    if os.name == "nt":
        raise UnrecordableError("no functions of known names on Windows")
    metrics = torch.zeros(len(METRICS), dtype=torch.float64)
    leaves, structure = pytree.tree_flatten((state, coefficients, batch, given, metrics))

    def step(*leaves: Tensor) -> tuple[()]:
        state, coefficients, batch, given, metrics = pytree.tree_unflatten(leaves, structure)
        new, measured = member_step(kind, model, state, coefficients, batch, given)
        copy_into((state[:2], metrics), (new, measured))
        return ()

    with torch.no_grad():
        graph = _traced(step, leaves)
        try:
            with _alone(f"{kind} {[leaf.shape for leaf in leaves]}"):
                return Recorder(leaves).record(_compiled(graph))
        except UnrecordableError:
            raise
        except Exception as error:
            raise CompilationError(str(error)) from error


@contextlib.contextmanager
def _alone(name: str) -> Iterator[None]:
    """Compile one thing in one process: the others wait and find it in the cache."""
    lock = Path(get_lock_dir(), f"grok-{hashlib.sha256(name.encode()).hexdigest()}.lock")
    with FileLock(lock):
        yield


def _traced(step: Callable[..., tuple[()]], leaves: Sequence[Tensor]) -> GraphModule:
    """The operations of a step that is called with tensors like these."""
    trace = make_fx(
        functionalize(step, remove="mutations"),
        decomposition_table=select_decomp_table(),
        tracing_mode="fake",
    )
    return trace(*leaves)


def _compiled(graph: GraphModule) -> Callable[..., Any]:
    """The Python function that PyTorch's compiler makes; takes a list of the inputs."""
    inputs = [node.meta["val"] for node in graph.graph.find_nodes(op="placeholder")]
    context = TracingContext(inputs[0].fake_mode)
    with tracing(context), inductor.patch(post_grad_custom_pre_pass=ByPolynomials()):
        compiled: Any = compile_fx_inner(graph, inputs, is_inference=True)
    function: Callable[..., Any] = compiled.current_callable
    return function


class Recorder:
    """Runs a compiled function once, on copies of its inputs, and keeps what it calls."""

    def __init__(self, leaves: Sequence[Tensor]) -> None:
        self._inputs = [_copied(leaf) for leaf in leaves]
        self._operations: list[tuple[int, int, int]] = []
        self._arguments: list[tuple[int, int]] = []
        self._scratch = Scratch()
        self._alive: list[Any] = [self._scratch]

    def record(self, function: Callable[..., Any]) -> Recording:
        """What `function` calls."""
        code = getattr(function, "__func__", function)
        names = {
            name: self._kernel(value) if name.startswith(KERNEL) else value
            for name, value in code.__globals__.items()
        }
        names["empty_strided_cpu"] = self._scratch.empty
        names["reinterpret_tensor"] = view
        names["extern_kernels"] = _Products(self.product)
        bound = [function.__self__] if isinstance(function, types.MethodType) else []
        with _NothingElse():  # type: ignore[no-untyped-call]
            types.FunctionType(code.__code__, names)(*bound, list(self._inputs))
        self._scratch.spoil()
        self._alive.append(function)
        return self.recording()

    def recording(self) -> Recording:
        """What has been called so far."""
        return Recording(self._operations, self._arguments, self._alive)

    def _kernel(self, kernel: Any) -> Callable[..., None]:
        """Records a compiled function at each call."""
        library = ctypes.CDLL(kernel.__self__.__file__)
        self._alive.append(library)

        def call(*tensors: Tensor) -> None:
            kernel(*tensors)
            self._add(library.kernel, [_pointer(tensor) for tensor in tensors])

        return call

    def product(self, a: Tensor, b: Tensor, bias: Tensor | None, out: Tensor) -> None:
        """Take a product, and record it."""
        call = product(a, b, bias, out)
        self._alive.append(call.shape)
        self._add(call.function, call.pointers)

    def _add(self, function: Any, pointers: Sequence[int]) -> None:
        if len(pointers) > MOST_ARGUMENTS:
            raise UnrecordableError(f"a call with {len(pointers)} arguments")
        call = (address(function), len(self._arguments), len(pointers))
        self._operations.append(call)
        self._arguments += map(self._place, pointers)

    def _place(self, pointer: int) -> tuple[int, int]:
        """The input that an address belongs to, and the distance from its start."""
        for number, tensor in enumerate(self._inputs):
            distance = pointer - tensor.data_ptr()
            if 0 <= distance < nbytes(tensor.shape, tensor.stride(), tensor.dtype):
                return number, distance
        return len(self._inputs), pointer


class _Products:
    """Stands for PyTorch's functions that compiled code calls; none but these may be called."""

    def __init__(self, product: Callable[[Tensor, Tensor, Tensor | None, Tensor], None]) -> None:
        self._product = product

    def mm(self, a: Tensor, b: Tensor, out: Tensor) -> None:
        self._product(a, b, None, out)

    bmm = mm

    def addmm(
        self, bias: Tensor, a: Tensor, b: Tensor, alpha: float, beta: float, out: Tensor
    ) -> None:
        if (alpha, beta) != (1, 1):
            raise UnrecordableError(f"a product times {alpha}, a bias times {beta}")
        self._product(a, b, bias, out)

    baddbmm = addmm

    def __getattr__(self, name: str) -> Any:
        raise UnrecordableError(f"a call of {name}")


class _NothingElse(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses all of PyTorch's operations."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise UnrecordableError(f"a call of {func}")


def _copied(tensor: Tensor) -> Tensor:
    """A copy with the same strides."""
    empty = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype)
    return empty.copy_(tensor)


def _pointer(argument: Any) -> int:
    if not isinstance(argument, Tensor):
        raise UnrecordableError(f"an argument {argument!r}")
    return argument.data_ptr()
