"""K members' tensors with a leading member dimension, and the slots they sit in."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from grok.engine.adamw import Hyper, coefficients
from grok.engine.member import Drawn
from grok.engine.step import METRICS, Replay, StackStep, State, stack_step, weight_norm
from grok.tasks import Data, Task


class Stack:
    """A fixed number of slots; whoever sits in one trains independently of the others.

    Args:
        task: what all members learn; shapes are the same for all.
        drawn: what the member in each slot starts from.
        device: where to train.
        compiled: whether to compile the step.
        watch: names of parameters to report after every step.

    Attributes:
        state, hyper, data: tensors of shape (K, ...), updated in place.
    """

    def __init__(
        self,
        task: Task,
        drawn: Sequence[Drawn],
        device: torch.device,
        compiled: bool,
        watch: Sequence[str] = (),
    ) -> None:
        self.watch = tuple(watch)
        self.state: State
        self.hyper: Hyper
        self.data: Data
        self.state, self.hyper, self.data = pytree.tree_map(
            lambda *parts: torch.stack(parts).to(device), *drawn
        )
        # the initial scale is in the weights, and is nothing to compile anew for
        self._of_size = functools.partial(
            stack_step, dataclasses.replace(task, init_scale=1.0), compiled=compiled
        )
        self._use_step(len(drawn))

    def _use_step(self, size: int) -> None:
        self._step: StackStep | Replay = self._of_size(size=size)
        if self.state.beta_powers.is_cuda:
            self._step = Replay(self._step)

    @property
    def compiled(self) -> bool:
        """Whether the step runs compiled."""
        return self._step.compiled

    def put(self, slot: int, drawn: Drawn) -> None:
        """Start a member from its draws in `slot`; the other slots go on untouched."""
        self._copy(slot, (self.state, self.hyper, self.data), drawn)

    @staticmethod
    def _copy(slot: int, into: Any, member: Any) -> None:
        """Copy a member's tensors into those of the stack that have the same structure."""
        for old, new in zip(pytree.tree_leaves(into), pytree.tree_leaves(member), strict=True):
            old[slot].copy_(new)

    def states(self, slots: Sequence[int]) -> list[dict[str, Any]]:
        """Copies on the CPU of the state in each of `slots`, as plain dictionaries."""
        on_cpu = pytree.tree_map(lambda tensor: tensor.cpu(), self.state._asdict())
        return [_in_slot(on_cpu, slot) for slot in slots]

    def restore(self, slot: int, state: dict[str, Any]) -> None:
        """Give `slot` a state of `states`; hyperparameters and data stay."""
        self._copy(slot, self.state, State(**state))

    def keep(self, slots: Sequence[int]) -> None:
        """Become a stack of these slots, in this order."""
        mine = (self.state, self.hyper, self.data)
        self.state, self.hyper, self.data = pytree.tree_map(lambda t: t[list(slots)], mine)
        self._use_step(len(slots))

    def norm(self, slot: int) -> float:
        """L2 norm of all parameters in `slot`."""
        return weight_norm({name: p[slot] for name, p in self.state.params.items()}).item()

    def watched(self, slot: int) -> dict[str, Tensor]:
        """Copies of the watched parameters in `slot`, by name."""
        return {name: self.state.params[name][slot].clone() for name in self.watch}

    def advance(self, steps: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Train every slot for `steps` optimizer steps without waiting for the device.

        Returns:
            Metrics by name, shape (steps, K), and watched parameters by name, shape
            (steps, K, ...), both on the CPU.
        """
        metrics: list[Tensor] = []
        watched: dict[str, list[Tensor]] = {name: [] for name in self.watch}
        dtype = next(iter(self.state.params.values())).dtype
        table, powers = coefficients(self.hyper, self.state.beta_powers, steps, dtype)
        self.state.beta_powers.copy_(powers)
        for of_step in table.unbind(0):
            metrics.append(self._step(self.state, of_step, self.data))
            for name, history in watched.items():
                history.append(self.state.params[name].clone())
        columns = torch.stack(metrics).double().cpu().unbind(-1)
        return (
            dict(zip(METRICS, columns, strict=True)),
            {name: torch.stack(history).cpu() for name, history in watched.items()},
        )


def capacity(task: Task, drawn: Drawn, device: torch.device) -> int:
    """How many members a GPU's free memory holds, with a quarter of it to spare.

    Measured by an uncompiled step, which takes the most, of one member and of two.
    """
    peaks = []
    for size in (1, 2):
        torch.cuda.reset_peak_memory_stats(device)
        Stack(task, [drawn] * size, device, compiled=False).advance(1)
        peaks.append(torch.cuda.max_memory_allocated(device))
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, int(0.75 * free / max(1, peaks[1] - peaks[0])))


def _in_slot(stacked: dict[str, Any], slot: int) -> dict[str, Any]:
    """Copies of one member's part of a stack's tensors."""
    member: dict[str, Any] = pytree.tree_map(lambda tensor: tensor[slot].clone(), stacked)
    return member
