"""One optimizer step of a whole stack: a plain step of one member, mapped and compiled."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.utils import _pytree as pytree

from grok.engine.adamw import Coefficients, adamw
from grok.engine.products import ByOneDNN
from grok.tasks import Batch, Data, Task

GROUPS = ("encoder", "decoder")
METRICS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "weight_norm")
"""What is measured of a member at a step. The step itself counts right samples, in the place of
accuracies: a count is exact, and divided in double precision it reaches a threshold or doesn't,
whatever the precision of the weights."""

log = logging.getLogger(__name__)


class State(NamedTuple):
    """Everything of a member that a step changes. A stack's tensors have a leading dimension K.

    Attributes:
        params, exp_avg, exp_avg_sq: parameter name to tensor, of the network's shapes.
        beta_powers: each group's two betas to the power of the steps done, shape (groups, 2).
        norm: L2 norm that the constrained parameters keep, scalar; 0 where none are.
    """

    params: dict[str, Tensor]
    exp_avg: dict[str, Tensor]
    exp_avg_sq: dict[str, Tensor]
    beta_powers: Tensor
    norm: Tensor


Tensors = dict[str, Tensor]


class Common(NamedTuple):
    """What the members of a stack have in common; a step takes it once instead of stacked.

    Attributes:
        data: they learn and are validated on the same samples.
        rows: and take the same minibatches, which are gathered once. The first layer's batched
            product then reads them once for all members.
    """

    data: bool
    rows: bool


def member_step(
    task: Task,
    network: nn.Module,
    constrain: tuple[str, ...],
    state: State,
    coefficients: Tensor,
    rows: dict[str, Tensor],
    data: Data,
) -> tuple[tuple[Tensors, Tensors, Tensors], Tensor]:
    """One step of one member.

    As in the published runs, train metrics are those of the outputs before the update,
    validation metrics and the weight norm those after it.

    Args:
        network: gives the structure only; the weights are those of `state`.
        constrain: groups whose parameters are rescaled, together, to ``state.norm`` after the
            update (Omnigrok, section 2: the reduced loss).
        coefficients: `Coefficients` of this step for each of `GROUPS`, shape (groups, 7).
        rows: ``train``: which samples make the minibatch, shape (size,); empty for all.
        data: ``val`` is empty where validation has a schedule of its own.

    Returns:
        Parameters and both moments after the step, and the values of `METRICS` with counts of
        right samples for accuracies, double precision, shape (5,).
    """
    batch = minibatch(data.train, rows)

    def objective(params: dict[str, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        outputs = functional_call(network, params, (batch["inputs"],))
        loss = task.loss_of(outputs, batch)
        return loss, (loss, outputs)

    grads, (loss, outputs) = grad(objective, has_aux=True)(state.params)
    of_group = dict(zip(GROUPS, coefficients.unbind(0), strict=True))
    updated = {
        name: adamw(
            param,
            grads[name],
            state.exp_avg[name],
            state.exp_avg_sq[name],
            Coefficients(*of_group[group_of(name)].unbind(0)),
        )
        for name, param in state.params.items()
    }
    params, exp_avg, exp_avg_sq = (
        {name: value[i] for name, value in updated.items()} for i in range(3)
    )
    if constrain:
        held = {name: param for name, param in params.items() if group_of(name) in constrain}
        scale = state.norm / weight_norm(held)
        params |= {name: param * scale for name, param in held.items()}
    unknown = torch.full_like(loss, torch.nan)
    validation = evaluate(task, network, params, data.val) if data.val else (unknown, unknown)
    metrics = (loss, task.correct(outputs, batch).sum(), *validation, weight_norm(params))
    return (params, exp_avg, exp_avg_sq), torch.stack([value.double() for value in metrics])


def minibatch(train: Batch, rows: dict[str, Tensor]) -> Batch:
    """The samples of one member that `rows` names, all where it is empty."""
    return {name: tensor[rows["train"]] for name, tensor in train.items()} if rows else train


def evaluate(
    task: Task, network: nn.Module, params: Tensors, batch: Batch
) -> tuple[Tensor, Tensor]:
    """Loss of one member on `batch`, and how many samples it gets right."""
    return judge(task, functional_call(network, params, (batch["inputs"],)), batch)


def judge(task: Task, outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Loss of one member's `outputs` for `batch`, and how many samples are right."""
    return task.loss_of(outputs, batch), task.correct(outputs, batch).sum()


def group_of(name: str) -> str:
    """The parameter group of a parameter, the first part of its name."""
    return name.partition(".")[0]


def weight_norm(params: dict[str, Tensor]) -> Tensor:
    """L2 norm of all parameters of one member, a scalar."""
    return torch.stack([param.square().sum() for param in params.values()]).sum().sqrt()


def norm_of(params: Tensors, groups: tuple[str, ...]) -> Tensor:
    """L2 norm of the parameters of these groups, a scalar of their dtype; 0 for no group."""
    held = {name: param for name, param in params.items() if group_of(name) in groups}
    return weight_norm(held) if held else next(iter(params.values())).new_zeros(())


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
        _copy(state[:3], new)
        return metrics


class Replay:
    """A `StackStep` on a GPU, captured as one CUDA graph: a call launches all its kernels.

    Args:
        step: what to capture; called always with the same state and data, updated in place.
    """

    def __init__(self, step: StackStep) -> None:
        self._capture = step
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: tuple[Tensor, dict[str, Tensor]]
        self._metrics: Tensor

    @property
    def compiled(self) -> bool:
        """Whether the step runs compiled."""
        return self._capture.compiled

    @property
    def network(self) -> nn.Module:
        """Gives the structure of a member."""
        return self._capture.network

    def __call__(
        self, state: State, coefficients: Tensor, rows: dict[str, Tensor], data: Data
    ) -> Tensor:
        """Advance `state` in place; what `member_step` measures, shape (K, 5)."""
        if self._graph is None:
            self._record(state, coefficients, rows, data)
        assert self._graph is not None
        _copy(self._inputs, (coefficients, rows))
        self._graph.replay()
        return self._metrics.clone()

    def _record(
        self, state: State, coefficients: Tensor, rows: dict[str, Tensor], data: Data
    ) -> None:
        before, self._inputs = pytree.tree_map(torch.clone, (state, (coefficients, rows)))
        stream = torch.cuda.Stream(coefficients.device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):  # compiles, and lets the libraries allocate what they keep
                self._capture(state, *self._inputs, data)
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._metrics = self._capture(state, *self._inputs, data)
        _copy(state, before)


def _copy(into: Any, values: Any) -> None:
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
