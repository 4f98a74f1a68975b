"""A step on a GPU, captured as one CUDA graph."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from grok.engine.compiled import StackStep
from grok.engine.step import Given, State
from grok.engine.tensors import copy_into
from grok.tasks import Batch
from grok.tasks.model import Model


class Replay:
    """A `StackStep` on a GPU, captured as one CUDA graph: a call launches all its kernels.

    Args:
        step: what to capture; called always with the same state, updated in place, and the same
            `Given`.
    """

    def __init__(self, step: StackStep) -> None:
        self._capture = step
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: tuple[Tensor, Batch]
        self._metrics: Tensor

    @property
    def compiled(self) -> bool:
        """Whether the step runs compiled."""
        return self._capture.compiled

    @property
    def model(self) -> Model:
        """Gives the structure of a member."""
        return self._capture.model

    def __call__(self, state: State, coefficients: Tensor, batch: Batch, given: Given) -> Tensor:
        """Advance `state` in place; what `member_step` measures, shape (K, 5)."""
        if self._graph is None:
            self._record(state, coefficients, batch, given)
        assert self._graph is not None
        copy_into(self._inputs, (coefficients, batch))
        self._graph.replay()
        return self._metrics.clone()

    def _record(self, state: State, coefficients: Tensor, batch: Batch, given: Given) -> None:
        before, self._inputs = pytree.tree_map(torch.clone, (state, (coefficients, batch)))
        stream = torch.cuda.Stream(coefficients.device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        try:
            with torch.cuda.stream(stream):
                for _ in range(3):  # compiles, and lets the libraries allocate what they keep
                    self._capture(state, *self._inputs, given)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self._metrics = self._capture(state, *self._inputs, given)
            self._graph = graph
        finally:
            copy_into(state, before)
