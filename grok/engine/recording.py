"""What a step of one member calls on a CPU, in order: played for any member of any stack."""

from __future__ import annotations

import ctypes
import functools
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._inductor.codecache import CppCodeCache
from torch.utils import _pytree as pytree

from grok.engine.shared import Common, Shared
from grok.engine.step import METRICS, Given, State
from grok.tasks import Batch

PATIENCE = 0.2  # seconds, about, after which Python has a turn: it may have been interrupted


class UnrecordableError(Exception):
    """A step does something else than calling compiled code and products."""


class Where(NamedTuple):
    """Where a tensor is: its address, and the distance in bytes to other members' and steps'."""

    base: int
    member: int = 0
    step: int = 0


class Recording:
    """What a step of a member calls, in order.

    Args:
        operations: for each call a function's address, and which arguments are its own.
        arguments: of each an input's number and a distance in bytes; the input behind the last
            is the address 0, for what belongs to none.
        alive: what has to stay where it is.
    """

    def __init__(
        self,
        operations: Sequence[tuple[int, int, int]],
        arguments: Sequence[tuple[int, int]],
        alive: Any,
    ) -> None:
        self._operations = torch.tensor(operations)
        self._arguments = torch.tensor(arguments)
        self._alive, self._at_once = alive, 1
        self._alone = threading.Lock()  # all calls write to the same buffers
        self._play = native("play").play
        self._play.argtypes = [ctypes.c_void_p, ctypes.c_int64, *[ctypes.c_void_p] * 3]
        self._play.argtypes += [ctypes.c_int64] * 3

    def play(self, inputs: Sequence[Where], members: Sequence[int], steps: int) -> None:
        """Take so many steps of each of these members, in place.

        Args:
            inputs: where the tensors are that the step has been recorded with, in their order.
        """
        everything = torch.tensor([*inputs, Where(0)])
        numbers = torch.tensor(members)
        begin = 0
        while begin < steps:
            end, began = min(steps, begin + self._at_once), time.perf_counter()
            with self._alone:
                self._play(
                    self._operations.data_ptr(),
                    len(self._operations),
                    self._arguments.data_ptr(),
                    everything.data_ptr(),
                    numbers.data_ptr(),
                    len(members),
                    begin,
                    end,
                )
            took = max(time.perf_counter() - began, 1e-9)
            self._at_once = max(1, int((end - begin) * PATIENCE / took))
            begin = end


class Places:
    """Where the tensors of a stack are that its steps are always called with.

    Args:
        state, given: of the stack.
        common: which arguments of a call have no leading dimension K.
    """

    def __init__(self, state: State, given: Given, common: Common) -> None:
        self._state = [_where(tensor, member=0) for tensor in pytree.tree_leaves(state)]
        self._given, self._common = _all(given, common.given), common

    def play(
        self, recording: Recording, coefficients: Tensor, batches: Batch, slots: Sequence[int]
    ) -> Tensor:
        """Take several steps; see `grok.engine.step.Steps.several`."""
        steps, size = coefficients.shape[:2]
        metrics = torch.full((steps, size, len(METRICS)), torch.nan, dtype=torch.float64)
        inputs = [
            *self._state,
            _where(coefficients, step=0, member=1),
            *_all(batches, self._common.batch, step=0),
            *self._given,
            _where(metrics, step=0, member=1),
        ]
        recording.play(inputs, slots, steps)
        return metrics


@functools.cache
def native(name: str) -> ctypes.CDLL:
    """The library of a C++ file beside this one, from the compiler's cache."""
    library: ctypes.CDLL = CppCodeCache.load(Path(__file__).with_name(f"{name}.cpp").read_text())
    return library


def address(function: Any) -> int:
    """Of a library's function."""
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address


def _all(tree: Any, shared: Shared, step: int | None = None) -> list[Where]:
    """Of each tensor; the members' dimension follows that of the steps, if all don't share it."""
    member = 0 if step is None else step + 1
    leaves = zip(pytree.tree_leaves(tree), shared, strict=True)
    return [_where(leaf, step, None if one else member) for leaf, one in leaves]


def _where(tensor: Tensor, step: int | None = None, member: int | None = None) -> Where:
    """Where a tensor is, given the dimensions of steps and of members."""
    between = [
        0 if dimension is None else tensor.stride(dimension) * tensor.itemsize
        for dimension in (member, step)
    ]
    return Where(tensor.data_ptr(), *between)
