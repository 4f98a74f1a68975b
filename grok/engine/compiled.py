"""One optimizer step of a whole stack: that of one member, mapped and compiled."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.func import vmap
from torch.utils import _pytree as pytree

from grok.engine.products import ByOneDNN
from grok.engine.step import State, member_step
from grok.tasks import Data, Task

log = logging.getLogger(__name__)


class Common(NamedTuple):
    """What the members of a stack have in common; a step takes it once instead of stacked.

    Attributes:
        data: they learn and are validated on the same samples.
        rows: and take the same minibatches, which are gathered once. The first layer's batched
            product then reads them once for all members.
    """

    data: bool
    rows: bool


class StackStep:
    """Advances a stack by one step in place, compiled where that is possible.

    Args:
        task: gives network, loss and correctness; its own seeds and scale don't matter here.
        size: number of slots K. Compiled for a CPU, a member's weights and accuracies are the
            same to the bit in stacks of any size, and with them T_train and T_val; the losses
            and the norm that are reported may differ by the order of their sums.
        compiled: False runs the same arithmetic uncompiled.
        common: which arguments of a call have no leading dimension K.
        constrain: groups that keep their norm.
    """

    def __init__(
        self,
        task: Task,
        size: int,
        compiled: bool,
        common: Common,
        constrain: tuple[str, ...] = (),
    ) -> None:
        self.compiled = compiled
        with torch.random.fork_rng(devices=[]):
            self.network = task.network()
        self._mapped = vmap(
            functools.partial(member_step, task, self.network, constrain),
            in_dims=(0, 0, None if common.rows else 0, None if common.data else 0),
        )
        self._step: Callable[..., Tensor] = self._advance
        if compiled:
            torch._dynamo.config.recompile_limit = 256  # a compilation each
            options: dict[str, Any] = {"post_grad_custom_post_pass": ByOneDNN()}
            self._step = torch.compile(
                self._advance, fullgraph=True, dynamic=False, options=options
            )

    def __call__(
        self, state: State, coefficients: Tensor, rows: dict[str, Tensor], data: Data
    ) -> Tensor:
        """Advance `state` in place; what `member_step` measures, shape (K, 5)."""
        try:
            return self._step(state, coefficients, rows, data)
        except Exception as error:
            if not self.compiled or not _from_compiler(error):
                raise
            reason = " ".join(str(error).split())[:200]
            log.warning(
                "can't compile the training step (%s); going on uncompiled, slower. "
                "Install a C++ compiler, or set engine.compile=false",
                reason,
            )
            self.compiled, self._step = False, self._advance
            return self._step(state, coefficients, rows, data)

    def _advance(
        self, state: State, coefficients: Tensor, rows: dict[str, Tensor], data: Data
    ) -> Tensor:
        new, metrics = self._mapped(state, coefficients, rows, data)
        copy_into(state[:3], new)
        return metrics


def copy_into(into: Any, values: Any) -> None:
    """Copy tensors into those of the same structure."""
    for old, new in zip(pytree.tree_leaves(into), pytree.tree_leaves(values), strict=True):
        old.copy_(new)


def _from_compiler(error: Exception) -> bool:
    """Whether an exception came out of compilation rather than out of the step itself."""
    return type(error).__module__.startswith(("torch._dynamo", "torch._inductor"))


@functools.cache
def stack_step(
    task: Task, *, size: int, compiled: bool, common: Common, constrain: tuple[str, ...]
) -> StackStep:
    """The step for stacks of this kind, kept so that a process compiles each only once."""
    return StackStep(task, size, compiled, common, constrain)
