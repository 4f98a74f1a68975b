"""One optimizer step of one member, as a pure function that can be mapped and compiled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad

from grok.engine.adamw import Coefficients, adamw
from grok.tasks import Batch, Data, Task

GROUPS = ("encoder", "decoder")
METRICS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "weight_norm")
"""What is measured of a member at a step. The step itself counts right samples, in the place of
accuracies: a count is exact, and divided in double precision it reaches a threshold or doesn't,
whatever the precision of the weights."""


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
Moved = tuple[Tensors, Tensors, Tensors]
"""Parameters and both moments of a member after a step."""


def member_step(
    task: Task,
    network: nn.Module,
    constrain: tuple[str, ...],
    state: State,
    coefficients: Tensor,
    rows: dict[str, Tensor],
    data: Data,
) -> tuple[Moved, Tensor]:
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
    grads, loss, right = differentiated(task, network, state.params, batch)
    moved = updated(constrain, state, grads, coefficients)
    return moved, measured(task, network, moved[0], loss, right, data.val)


def differentiated(
    task: Task, network: nn.Module, params: Tensors, batch: Batch
) -> tuple[Tensors, Tensor, Tensor]:
    """Gradients of one member's loss on `batch`, the loss, and how many samples are right."""

    def objective(params: Tensors) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        outputs = functional_call(network, params, (batch["inputs"],))
        loss = task.loss_of(outputs, batch)
        return loss, (loss, outputs)

    grads, (loss, outputs) = grad(objective, has_aux=True)(params)
    return grads, loss, task.correct(outputs, batch).sum()


def updated(
    constrain: tuple[str, ...], state: State, grads: Tensors, coefficients: Tensor
) -> Moved:
    """Parameters and both moments of one member after the optimizer's update."""
    of_group = dict(zip(GROUPS, coefficients.unbind(0), strict=True))
    each = {
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
        {name: value[i] for name, value in each.items()} for i in range(3)
    )
    if constrain:
        held = {name: param for name, param in params.items() if group_of(name) in constrain}
        scale = state.norm / weight_norm(held)
        params |= {name: param * scale for name, param in held.items()}
    return params, exp_avg, exp_avg_sq


def measured(
    task: Task, network: nn.Module, params: Tensors, loss: Tensor, right: Tensor, val: Batch
) -> Tensor:
    """What a step measures: of the outputs before the update, and of `params`, those after it."""
    unknown = torch.full_like(loss, torch.nan)
    validation = evaluate(task, network, params, val) if val else (unknown, unknown)
    metrics = (loss, right, *validation, weight_norm(params))
    return torch.stack([value.double() for value in metrics])


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


def weight_norm(params: Mapping[str, Tensor]) -> Tensor:
    """L2 norm of all parameters of one member, a scalar."""
    return torch.stack([param.square().sum() for param in params.values()]).sum().sqrt()


def norm_of(params: Tensors, groups: tuple[str, ...]) -> Tensor:
    """L2 norm of the parameters of these groups, a scalar of their dtype; 0 for no group."""
    held = {name: param for name, param in params.items() if group_of(name) in groups}
    return weight_norm(held) if held else next(iter(params.values())).new_zeros(())
