"""A step on a GPU, captured as a CUDA graph."""

from __future__ import annotations

import functools
import itertools
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from grok.engine.compiled import Around, StackStep
from grok.engine.shared import Common, of_slot
from grok.engine.step import Given, State
from grok.engine.tensors import Layout, copy_into, in_place, layout
from grok.tasks import Batch

BESIDE = 8
"""Blocks of a stack that a GPU may work on at a time; each takes memory of its own."""


class Capture(NamedTuple):
    """A captured step, and the tensors that it reads and writes besides the state."""

    graph: torch.cuda.CUDAGraph
    inputs: tuple[Tensor, Batch]
    metrics: Tensor


class Replay(Around):
    """A `StackStep` on a GPU, captured as a CUDA graph: a call launches all its kernels.

    A stack may be of several times as many slots as the step has. Then its blocks are shared out
    among branches of the graph.

    Args:
        step: what to capture, once for each size of minibatch; see `Around`.
        common: which arguments of a call have no leading dimension K.
    """

    def __init__(self, step: StackStep, common: Common) -> None:
        super().__init__(step)
        self._common = common
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
        stream, *branches = _streams(coefficients.device)
        branches = branches[: len(coefficients) // self._step.size]
        stream.wait_stream(torch.cuda.current_stream())
        try:
            with torch.cuda.stream(stream):
                for _ in range(3):  # compiles, and lets the libraries allocate what they keep
                    self._taken(branches, state, *inputs, given)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                metrics = self._taken(branches, state, *inputs, given)
            return Capture(graph, inputs, metrics)
        finally:
            copy_into(state, before)

    def _taken(
        self,
        branches: list[torch.cuda.Stream],
        state: State,
        coefficients: Tensor,
        batch: Batch,
        given: Given,
    ) -> Tensor:
        """Take the step, its blocks in turn on the streams of all branches."""
        whole, metrics = torch.cuda.current_stream(), []
        starts = range(0, len(coefficients), self._step.size)
        for branch in branches:
            branch.wait_stream(whole)
        try:
            for first, branch in zip(starts, itertools.cycle(branches), strict=False):
                slots = slice(first, first + self._step.size)
                arguments = (
                    in_place(state, slots),
                    coefficients[slots],
                    of_slot(batch, self._common.batch, slots),
                    of_slot(given, self._common.given, slots),
                )
                with torch.cuda.stream(branch):
                    metrics.append(self._step(*arguments))
        finally:  # a capture can't end before they are together again
            for branch in branches:
                whole.wait_stream(branch)
        return torch.cat(metrics)


@functools.cache
def _streams(device: torch.device) -> list[torch.cuda.Stream]:
    """One to begin on and those of branches, made once: libraries keep memory for each for good."""
    return [
        torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        for _ in range(1 + BESIDE)
    ]
