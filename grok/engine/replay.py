"""A step on a GPU, captured as a CUDA graph."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from grok.engine.compiled import Around, StackStep
from grok.engine.step import Given, State
from grok.engine.tensors import Layout, copy_into, layout
from grok.tasks import Batch


class Capture(NamedTuple):
    """A captured step, and the tensors that it reads and writes besides the state."""

    graph: torch.cuda.CUDAGraph
    inputs: tuple[Tensor, Batch]
    metrics: Tensor


class Replay(Around):
    """A `StackStep` on a GPU, captured as a CUDA graph: a call launches all its kernels.

    Args:
        step: what to capture, once for each size of minibatch; see `Around`.
    """

    def __init__(self, step: StackStep) -> None:
        super().__init__(step)
        self._captured: dict[Layout, Capture] = {}

    def __call__(self, state: State, coefficients: Tensor, batch: Batch, given: Given) -> Tensor:
        """Advance `state` in place; what `member_step` measures, shape (K, 5)."""
        key = layout(batch)
        if key not in self._captured:
            self._captured[key] = self._capture(state, coefficients, batch, given)
        captured = self._captured[key]
        copy_into(captured.inputs, (coefficients, batch))
        captured.graph.replay()
        return captured.metrics.clone()

    def _capture(self, state: State, coefficients: Tensor, batch: Batch, given: Given) -> Capture:
        inputs: tuple[Tensor, Batch]
        before, inputs = pytree.tree_map(torch.clone, (state, (coefficients, batch)))
        stream = torch.cuda.Stream(coefficients.device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        try:
            with torch.cuda.stream(stream):
                for _ in range(3):  # compiles, and lets the libraries allocate what they keep
                    self._step(state, *inputs, given)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                metrics = self._step(state, *inputs, given)
            return Capture(graph, inputs, metrics)
        finally:
            copy_into(state, before)
