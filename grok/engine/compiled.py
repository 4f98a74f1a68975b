"""One optimizer step of a whole stack: that of one member, mapped and compiled."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._inductor.runtime.cache_dir_utils import cache_dir
from torch.func import vmap
from torch.utils import _pytree as pytree

from grok.engine.check import agreement
from grok.engine.compiler import fresh_cache, from_compiler, prepare
from grok.engine.products import ByOneDNN
from grok.engine.step import State, member_step
from grok.engine.tensors import copy_into
from grok.tasks import Data, Task

CHECKED = 4
"""Members whose first compiled step is checked at a time, for the sake of memory."""

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
        self._agreement = vmap(
            functools.partial(agreement, task, self.network, constrain),
            in_dims=(0, 0, 0, 0, None if common.rows else 0, None if common.data else 0),
            chunk_size=CHECKED,
        )
        self._step: Callable[..., Tensor] = self._advance
        self._checked = not compiled
        if compiled:
            prepare()
            torch._dynamo.config.recompile_limit = 256  # a compilation each
            options: dict[str, Any] = {"post_grad_custom_post_pass": ByOneDNN()}
            self._step = torch.compile(
                self._advance, fullgraph=True, dynamic=False, options=options
            )

    def __call__(
        self, state: State, coefficients: Tensor, rows: dict[str, Tensor], data: Data
    ) -> Tensor:
        """Advance `state` in place; what `member_step` measures, shape (K, 5)."""
        if self._checked:
            return self._compiled(state, coefficients, rows, data)
        before = pytree.tree_map(torch.clone, state)
        metrics = self._compiled(state, coefficients, rows, data)
        self._checked = True
        if not self.compiled:
            return metrics
        try:
            every = self._agreement(before, state[:3], metrics, coefficients, rows, data)
        except Exception as error:
            log.warning("can't check the compiled training step (%s)", _in_a_line(error))
            return metrics
        sound = every.all(0)
        if sound.all():
            return metrics
        wrong = [part for part, fine in zip(("weights", "metrics"), sound, strict=True) if not fine]
        self._give_up(
            f"PyTorch {torch.__version__} compiles the training step wrongly here: its "
            f"{' and '.join(wrong)} aren't those of the same step uncompiled",
            "use another version of PyTorch",
        )
        copy_into(state, before)
        return self._step(state, coefficients, rows, data)

    def _compiled(self, *arguments: Any) -> Tensor:
        """The compiled step; compiled once more, with an empty cache, where that fails."""
        try:
            return self._step(*arguments)
        except Exception as error:
            if not self.compiled or not from_compiler(error):
                raise
            first = error
        try:
            with fresh_cache():
                metrics = self._step(*arguments)
        except Exception as error:
            if not from_compiler(error):
                raise
            self._give_up(
                f"can't compile the training step ({_in_a_line(error)})",
                f"install a C++ compiler, or delete its cache in {cache_dir()}",
            )
            return self._step(*arguments)
        log.warning(
            "the compiler's cache is damaged (%s); compiled anew beside it. Delete %s",
            _in_a_line(first),
            cache_dir(),
        )
        return metrics

    def _give_up(self, reason: str, remedy: str) -> None:
        log.warning(
            "%s; going on uncompiled, slower. To mend it, %s, or set engine.compile=false",
            reason,
            remedy,
        )
        self.compiled, self._step = False, self._advance

    def _advance(
        self, state: State, coefficients: Tensor, rows: dict[str, Tensor], data: Data
    ) -> Tensor:
        new, metrics = self._mapped(state, coefficients, rows, data)
        copy_into(state[:3], new)
        return metrics


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


@functools.cache
def stack_step(
    task: Task,
    *,
    size: int,
    compiled: bool,
    common: Common,
    constrain: tuple[str, ...],
    tensors: tuple[torch.dtype, str],
) -> StackStep:
    """The step for stacks of this kind, kept so that a process compiles each only once.

    Args:
        tensors: their dtype and the type of their device, each compiled and checked on its own.
    """
    return StackStep(task, size, compiled, common, constrain)
