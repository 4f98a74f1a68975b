"""One optimizer step of a whole stack: that of one member, compiled.

On a CPU it is compiled and recorded for one member, and played for one after the other; elsewhere,
and where it can't be recorded, it is mapped over the members and compiled as a whole.
"""

from __future__ import annotations

import functools
import logging
import types
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._inductor.runtime.cache_dir_utils import cache_dir
from torch.func import vmap
from torch.utils import _pytree as pytree

from grok.engine.check import agreement, upheld
from grok.engine.compiler import ELSEWHERE, fresh_cache, from_compiler, prepare, remedy
from grok.engine.recorder import recorded
from grok.engine.recording import Places, Recording
from grok.engine.shared import Common, dimensions, of_slot
from grok.engine.step import Given, Kind, Moved, State, Steps, member_step
from grok.engine.tanh import ByPolynomials
from grok.engine.tensors import Layout, copy_into, in_place, layout
from grok.errors import UserError
from grok.tasks import Batch
from grok.tasks.model import Model

CHECKED = {"cpu": 4, "cuda": 64}
"""Members whose first compiled step is checked at a time, for the sake of memory."""

log = logging.getLogger(__name__)


class StackStep(Steps):
    """Advances a stack by one step in place, compiled where that is possible.

    Args:
        kind: what the operations depend on.
        size: number of slots K. Recorded on a CPU, what a member gives is the same to the bit in
            stacks of any size.
        compiled: False runs the same arithmetic uncompiled.
        common: which arguments of a call have no leading dimension K.

    Attributes:
        compiled, size: these; not compiled any more where that has failed.

    All calls have the same layout of tensors, but for minibatches.
    """

    def __init__(self, kind: Kind, size: int, compiled: bool, common: Common) -> None:
        self.compiled, self.size = compiled, size
        self.model = Model(kind.task)
        self._kind, self._common = kind, common
        self._mapped: Callable[..., Any] | None = None
        # compiled, by the layout of minibatches
        self._checked: dict[Layout, Callable[..., Tensor] | MemberByMember] = {}
        if compiled:
            try:
                prepare()
            except UserError as error:
                self._give_up(str(error), ELSEWHERE)

    def __call__(self, state: State, coefficients: Tensor, batch: Batch, given: Given) -> Tensor:
        """Advance `state` in place; what `member_step` measures, shape (K, 5)."""
        if self._mapped is None:
            self._mapped = self._over_members(member_step, 2, batch, given)
        if not self.compiled:
            return self._advance(state, coefficients, batch, given)
        key = layout(batch)
        if key in self._checked:
            return self._checked[key](state, coefficients, batch, given)
        before = pytree.tree_map(torch.clone, state)
        step = self._compilable(coefficients.device)
        metrics, compiled = self._compiled(step, state, coefficients, batch, given)
        if not compiled:
            return metrics
        self._checked[key] = step
        try:
            agree = self._over_members(
                agreement, 4, batch, given, chunk_size=CHECKED[coefficients.device.type]
            )
            sound = upheld(step, agree, before, state[:2], metrics, coefficients, batch, given)
        except torch.OutOfMemoryError as error:
            log.warning("can't check the compiled training step (%s)", _in_a_line(error))
            return metrics
        except Exception as error:
            self._give_up(
                f"can't check the compiled training step ({_in_a_line(error)})",
                "have the network compute in the precision of its parameters",
            )
            copy_into(state, before)
            return self._advance(state, coefficients, batch, given)
        if sound.all():
            return metrics
        wrong = [part for part, fine in zip(("weights", "metrics"), sound, strict=True) if not fine]
        self._give_up(
            f"PyTorch {torch.__version__} compiles the training step wrongly here: its "
            f"{' and '.join(wrong)} aren't those of the same step uncompiled",
            "use another version of PyTorch",
        )
        copy_into(state, before)
        return self._advance(state, coefficients, batch, given)

    def recording(self, batch: Batch) -> Recording | None:
        """What a step of one member calls, once one with such a minibatch has been taken.

        None where it isn't recorded.
        """
        step = self._checked.get(layout(batch))
        return step.recording if self.compiled and isinstance(step, MemberByMember) else None

    def _over_members(
        self,
        function: Callable[..., Any],
        stacked: int,
        batch: Batch,
        given: Given,
        chunk_size: int | None = None,
    ) -> Callable[..., Any]:
        """Map a function of one member, `stacked` arguments, a batch and what else is given."""
        given_dims = dimensions(given, self._common.given)
        dims = (*[0] * stacked, dimensions(batch, self._common.batch), given_dims)
        return vmap(
            functools.partial(function, self._kind, self.model), in_dims=dims, chunk_size=chunk_size
        )

    def _compilable(self, device: torch.device) -> Callable[..., Tensor]:
        """A step that is compiled when it is first taken."""
        whole = _compiled_at_first_call(self._advance)
        if device.type != "cpu":
            return whole
        return MemberByMember(self._kind, self.model, self._common, otherwise=whole)

    def _compiled(self, step: Callable[..., Tensor], *arguments: Any) -> tuple[Tensor, bool]:
        """Compile the step and take it; once more, with an empty cache, where that fails.

        Returns:
            What it measures, and whether it is compiled.
        """
        try:
            return step(*arguments), True
        except Exception as error:
            if not from_compiler(error):
                raise
            first = error
        try:
            with fresh_cache():
                metrics = step(*arguments)
        except Exception as error:
            if not from_compiler(error):
                raise
            self._give_up(
                f"can't compile the training step ({_in_a_line(error)})",
                remedy(error),
            )
            return self._advance(*arguments), False
        log.warning(
            "the compiler's cache is damaged (%s); compiled anew beside it. Delete %s",
            _in_a_line(first),
            cache_dir(),
        )
        return metrics, True

    def _give_up(self, reason: str, remedy: str) -> None:
        log.warning(
            "%s; going on uncompiled, slower. To mend it, %s, or set engine.compile=false",
            reason,
            remedy,
        )
        self.compiled = False

    def _advance(self, state: State, coefficients: Tensor, batch: Batch, given: Given) -> Tensor:
        assert self._mapped is not None
        new: Moved
        metrics: Tensor
        new, metrics = self._mapped(state, coefficients, batch, given)
        copy_into(state[:2], new)
        return metrics


class Around(Steps):
    """A `StackStep`, taken without Python between its calls: a base class.

    Args:
        step: called always with the same state, updated in place, and the same `Given`.
    """

    def __init__(self, step: StackStep) -> None:
        self._step, self.model = step, step.model

    @property
    def compiled(self) -> bool:
        """Whether the step runs compiled."""
        return self._step.compiled


class MemberByMember:
    """Advances a stack on a CPU: each member by itself, as is recorded of one.

    Args:
        kind, model: of the step.
        common: which arguments of a call have no leading dimension K.
        otherwise: advances the whole stack, where a step can't be recorded.

    Attributes:
        recording: None before the first call, and where there is none.
    """

    def __init__(
        self, kind: Kind, model: Model, common: Common, otherwise: Callable[..., Tensor]
    ) -> None:
        self.recording: Recording | None = None
        self._kind, self._model, self._common, self._otherwise = kind, model, common, otherwise
        self._tried = False

    def __call__(self, state: State, coefficients: Tensor, batch: Batch, given: Given) -> Tensor:
        """Advance `state` in place; what `member_step` measures, shape (K, 5)."""
        if not self._tried:
            of_first = (
                in_place(state, 0),
                coefficients[0],
                of_slot(batch, self._common.batch, 0),
                of_slot(given, self._common.given, 0),
            )
            self.recording = recorded(self._kind, self._model, *of_first)
            self._tried = True
        if self.recording is None:
            return self._otherwise(state, coefficients, batch, given)
        everyone, batches = range(len(coefficients)), in_place(batch, None)
        places = Places(state, given, self._common)
        return places.play(self.recording, coefficients[None], batches, everyone)[0]


def _compiled_at_first_call(step: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function that is compiled at its first call, and for all later ones.

    Whether it fits a call isn't asked again, which takes longer than some of the step's products.
    So it has to be called with tensors of one layout, and no two of them may share code: what is
    compiled for one would be found for the other.
    """
    assert isinstance(step, types.MethodType)
    function = step.__func__
    alone = types.FunctionType(function.__code__.replace(), function.__globals__)
    options: dict[str, Any] = {
        "post_grad_custom_pre_pass": ByPolynomials(),
        "guard_filter_fn": _no_guards,
    }
    compiled: Callable[..., Tensor] = torch.compile(
        types.MethodType(alone, step.__self__), fullgraph=True, dynamic=False, options=options
    )
    return compiled


def _no_guards(guards: Sequence[Any]) -> list[bool]:
    return [False] * len(guards)


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


@functools.cache
def stack_step(
    kind: Kind,
    *,
    size: int,
    compiled: bool,
    common: Common,
    tensors: tuple[torch.dtype, str, Layout],
) -> StackStep:
    """The step for stacks of this kind, kept so that a process compiles each only once.

    Args:
        tensors: the parameters' dtype, the type of their device, and what is given besides; each
            compiled and checked on its own.
    """
    return StackStep(kind, size, compiled, common)
