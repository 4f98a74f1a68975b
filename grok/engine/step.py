"""One optimizer step of one member, as a pure function that can be mapped and compiled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import grad

from grok.engine.tensors import in_place
from grok.optim import GROUPS, Optimizer
from grok.optim.coefficients import clipped, total_norm
from grok.record.names import STEP_COLUMNS
from grok.tasks import Batch, Task
from grok.tasks.model import Model, forward

METRICS = tuple(STEP_COLUMNS)
"""What is measured of a member at a step. The step itself counts right samples, in the place of
accuracies: a count is exact, and divided in double precision it reaches a threshold or doesn't,
whatever the precision of the weights."""

Tensors = dict[str, Tensor]


class State(NamedTuple):
    """Everything of a member that a step changes. A stack's tensors have a leading dimension K.

    Attributes:
        params: parameter name to tensor, of the network's shapes.
        moments: name of an optimizer's moment to tensors named and shaped like `params`.
        powers: of the optimizer's rates to the number of steps done, shape (groups, n).
        norm: L2 norm that the constrained parameters keep, scalar; 0 where none are.
    """

    params: Tensors
    moments: dict[str, Tensors]
    powers: Tensor
    norm: Tensor


class Given(NamedTuple):
    """What a member is given and no step changes; of a stack, see `grok.engine.shared`.

    Attributes:
        constants: buffers and frozen parameters of the network, by name.
        fixed: what its loss and correctness need besides samples.
        train, val: samples, a row each; empty where they aren't an argument of a step.
    """

    constants: Tensors
    fixed: Batch
    train: Batch
    val: Batch


class Kind(NamedTuple):
    """What a step's operations depend on.

    Attributes:
        task, opt: without what may vary in a stack.
        constrain: groups whose parameters are rescaled, together, to ``State.norm`` after the
            update (Omnigrok, section 2: the reduced loss).
    """

    task: Task
    opt: Optimizer
    constrain: tuple[str, ...] = ()


Moved = tuple[Tensors, dict[str, Tensors]]
"""Parameters and moments of a member after a step."""


class Steps:
    """What advances a stack: called, by one step."""

    @property
    def leaves_out_empty(self) -> bool:
        """Whether slots that nobody has cost nothing."""
        return False

    def __call__(self, state: State, coefficients: Tensor, batch: Batch, given: Given) -> Tensor:
        """Advance `state` in place; what `member_step` measures, shape (K, 5)."""
        raise NotImplementedError

    def several(
        self,
        state: State,
        coefficients: Tensor,
        batches: Batch,
        given: Given,
        slots: Sequence[int],
    ) -> Tensor:
        """Take several steps, in place.

        Args:
            coefficients: of each step, shape (steps, K, ...).
            batches: of each step, with a leading dimension likewise; empty to take
                ``given.train`` in all.
            slots: those that somebody has; what is measured in others may be anything.

        Returns:
            What `member_step` measures, shape (steps, K, 5).
        """
        steps = range(len(coefficients))
        each = [self(state, coefficients[i], in_place(batches, i), given) for i in steps]
        return torch.stack(each)


def member_step(
    kind: Kind, model: Model, state: State, coefficients: Tensor, batch: Batch, given: Given
) -> tuple[Moved, Tensor]:
    """One step of one member.

    As in the published runs, train metrics are those of the outputs before the update,
    validation metrics and the weight norm those after it.

    Args:
        coefficients: of this step, for each of `GROUPS`; see `grok.optim.coefficients.table`.
        batch: samples to train on; empty to take ``given.train``.
        given: ``val`` is empty where validation has a schedule of its own.

    Returns:
        Parameters and moments after the step, and the values of `METRICS` with counts of right
        samples for accuracies, double precision, shape (5,).
    """
    batch = (batch or given.train) | given.fixed
    grads, loss, right = differentiated(kind, model, state.params, given.constants, batch)
    moved = updated(kind, state, grads, coefficients)
    return moved, measured(kind, model, moved[0], loss, right, given)


def differentiated(
    kind: Kind, model: Model, params: Tensors, constants: Tensors, batch: Batch
) -> tuple[Tensors, Tensor, Tensor]:
    """Gradients of one member's loss on `batch`, the loss, and how many samples are right."""

    def objective(params: Tensors) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        outputs = forward(model, params, constants, batch)
        loss = kind.task.loss_of(outputs, batch)
        return loss, (loss, outputs)

    grads, (loss, outputs) = grad(objective, has_aux=True)(params)
    return grads, loss, kind.task.correct(outputs, batch).sum()


def updated(kind: Kind, state: State, grads: Tensors, coefficients: Tensor) -> Moved:
    """Parameters and moments of one member after the optimizer's update."""
    if kind.opt.clip is not None:
        grads = clipped(grads, coefficients[0, -1])
        coefficients = coefficients[:, :-1]
    of_group = dict(zip(GROUPS, coefficients.unbind(0), strict=True))
    params: Tensors = {}
    moments: dict[str, Tensors] = {moment: {} for moment in state.moments}
    for name, param in state.params.items():
        before = [each[name] for each in state.moments.values()]
        c = of_group[kind.task.group(name)].unbind(0)
        params[name], after = kind.opt.update(param, grads[name], before, c)
        for moment, tensor in zip(moments.values(), after, strict=True):
            moment[name] = tensor
    if kind.constrain:
        held = {name: p for name, p in params.items() if kind.task.group(name) in kind.constrain}
        scale = scaling(state.norm, total_norm(held.values()))
        params |= {name: param * scale for name, param in held.items()}
    return params, moments


def measured(
    kind: Kind, model: Model, params: Tensors, loss: Tensor, right: Tensor, given: Given
) -> Tensor:
    """What a step measures: of the outputs before the update, and of `params`, those after it."""
    unknown = torch.full_like(loss, torch.nan)
    validation = (unknown, unknown)
    if given.val:
        val = given.val | given.fixed
        validation = judge(kind.task, forward(model, params, given.constants, val), val)
    metrics = (loss, right, *validation, total_norm(params.values()))
    return torch.stack([value.double() for value in metrics])


def judge(task: Task, outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Loss of one member's `outputs` for `batch`, and how many samples are right."""
    return task.loss_of(outputs, batch), task.correct(outputs, batch).sum()


def scaling(held: Tensor, norm: Tensor) -> Tensor:
    """What takes a norm back to that which is held; nan where it has over- or underflown."""
    scale = held / torch.where(norm == 0, 1, norm)
    return torch.where(norm.isfinite() & ((norm > 0) | (held == 0)), scale, torch.nan)


def norm_of(task: Task, params: Tensors, groups: tuple[str, ...]) -> Tensor:
    """L2 norm of the parameters of these groups, a scalar of their dtype; 0 for no group."""
    held = {name: param for name, param in params.items() if task.group(name) in groups}
    return total_norm(held.values()) if held else next(iter(params.values())).new_zeros(())
