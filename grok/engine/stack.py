"""K members' tensors with a leading member dimension, and the slots they sit in."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from grok.engine.adamw import Hyper
from grok.engine.member import Member
from grok.engine.step import METRICS, State, stack_step, weight_norm
from grok.tasks import Data


class Stack:
    """A fixed number of slots; whoever sits in one trains independently of the others.

    Args:
        members: one for each slot; all of one task, shape and precision.
        dtype, device: of parameters and floating-point data.
        compiled: whether to compile the step.
        watch: names of parameters to report after every step.

    Attributes:
        state, hypers, data: tensors of shape (K, ...), updated in place.
    """

    def __init__(
        self,
        members: Sequence[Member],
        dtype: torch.dtype,
        device: torch.device,
        compiled: bool,
        watch: Sequence[str] = (),
    ) -> None:
        self.dtype, self.device, self.watch = dtype, device, tuple(watch)
        drawn = [self._drawn(member) for member in members]
        self.state: State
        self.hypers: dict[str, Hyper]
        self.data: Data
        self.state, self.hypers, self.data = pytree.tree_map(
            lambda *parts: torch.stack(parts).to(device), *drawn
        )
        self._step = stack_step(members[0].task, len(members), compiled)

    @property
    def compiled(self) -> bool:
        """Whether the step runs compiled."""
        return self._step.compiled

    def put(self, slot: int, member: Member) -> None:
        """Start `member` from its own draws in `slot`; the other slots go on untouched."""
        mine = (self.state, self.hypers, self.data)
        for old, new in zip(
            pytree.tree_leaves(mine), pytree.tree_leaves(self._drawn(member)), strict=True
        ):
            old[slot].copy_(new)

    def _drawn(self, member: Member) -> tuple[State, dict[str, Hyper], Data]:
        params = member.weights(self.dtype)
        exp_avg = {name: torch.zeros_like(param) for name, param in params.items()}
        exp_avg_sq = {name: torch.zeros_like(param) for name, param in params.items()}
        state = State(params, exp_avg, exp_avg_sq, step=torch.tensor(0))
        return state, member.hypers(), member.data(self.dtype)

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
        for _ in range(steps):
            metrics.append(self._step(self.state, self.hypers, self.data))
            for name, history in watched.items():
                history.append(self.state.params[name].clone())
        columns = torch.stack(metrics).double().cpu().unbind(-1)
        return (
            dict(zip(METRICS, columns, strict=True)),
            {name: torch.stack(history).cpu() for name, history in watched.items()},
        )
