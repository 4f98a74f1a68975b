"""A task's network held against the contract: its groups, and what it makes of a batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import grad, stack_module_state, vmap
from torch.utils import _pytree as pytree

from grok.errors import UserError, first_line
from grok.optim import GROUPS
from grok.tasks.model import Model, forward
from grok.tasks.task import Batch, Data, Task, samples

ROWS = 8
"""Samples that are tried."""


class HopelessError(Exception):
    """A mistake after which nothing more can be tried; its message is the line."""


def tried(what: str, function: Any, *arguments: Any, part: str = "task") -> Any:
    """What a function of a task's or another `part`'s gives.

    Raises:
        HopelessError: it fails; `what` does.
    """
    try:
        return function(*arguments)
    except UserError:
        raise
    except Exception as error:  # whatever somebody's code may raise
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise HopelessError(f"{part}: {what} fails ({reason})") from error


def network_of(task: Task) -> nn.Module:
    """The task's network, drawn under the seed 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = tried("network()", task.network)
    if not isinstance(network, nn.Module):
        raise HopelessError(
            f"task: network() gives a {type(network).__name__}; it must be an nn.Module"
        )
    if not any(param.requires_grad for param in network.parameters()):
        raise HopelessError(
            "task: no parameter of its network learns; let one have requires_grad=True"
        )
    return network


def groups(task: Task, network: nn.Module) -> Iterator[str]:
    """A line for each group of a parameter that there isn't."""
    others: dict[str, str] = {}
    for name, param in network.named_parameters():
        group = tried(f"group({name!r})", task.group, name)
        if param.requires_grad and group not in GROUPS:
            others.setdefault(group, name)
    for group, name in others.items():
        yield (
            f"task: group({name!r}) is {group!r}; call the top-level modules of the network "
            f"{' and '.join(GROUPS)}, or let the task's group(name) give one of these"
        )


def misbehaviour(task: Task, network: nn.Module, data: Data) -> Iterator[str]:
    """A line for each thing that the network, loss or correctness mustn't do with a batch.

    Raises:
        HopelessError: they don't give what they should.
    """
    _try_outcomes(task, network, data)
    batch = _rows(data.train) | data.fixed
    kept = list(_in_place(task, network, batch))
    if wrong := kept or [*_random(task, network, batch), *_stateful(task, network, batch)]:
        yield from wrong
        return
    yield from _unused(task, network, batch)
    yield from _unmapped(task, batch)
    yield from [*_beside(task, network, batch)] or _varying(task, network, batch)


def _rows(batch: Batch) -> Batch:
    rows: Batch = pytree.tree_map(lambda tensor: tensor[:ROWS], batch)
    return rows


def _try_outcomes(task: Task, network: nn.Module, data: Data) -> None:
    """Outputs, loss and correctness of some samples."""
    for part in ("train", "val"):
        batch = _rows(getattr(data, part)) | data.fixed
        count = samples(_rows(getattr(data, part)))
        outputs = tried(f"outputs_of(network, {part} batch)", task.outputs_of, network, batch)
        if not isinstance(outputs, Tensor) or not outputs.dim() or len(outputs) != count:
            shape = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
            raise HopelessError(
                f"task: outputs_of gives {shape} for {count} samples; it must be a tensor with a "
                "row a sample"
            )
        loss = tried("loss_of", task.loss_of, outputs, batch)
        if not isinstance(loss, Tensor) or loss.dim() or not loss.is_floating_point():
            shape = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            raise HopelessError(f"task: loss_of gives {shape}; it must be a scalar, such as a mean")
        right = tried("correct", task.correct, outputs, batch)
        if not isinstance(right, Tensor) or right.dtype != torch.bool or right.shape != (count,):
            found = (
                f"{right.dtype} of shape {tuple(right.shape)}"
                if isinstance(right, Tensor)
                else type(right).__name__
            )
            raise HopelessError(
                f"task: correct gives {found} for {count} samples; it must be torch.bool of shape "
                f"({count},)"
            )


def _in_place(task: Task, network: nn.Module, batch: Batch) -> Iterator[str]:
    before = pytree.tree_map(torch.clone, batch)
    with torch.no_grad():
        task.outputs_of(network, batch)
    pairs = zip(pytree.tree_leaves(before), pytree.tree_leaves(batch), strict=True)
    if not all(torch.equal(old, new) for old, new in pairs):
        yield "task: outputs_of changes its batch in place; let it work on a copy"


def _random(task: Task, network: nn.Module, batch: Batch) -> Iterator[str]:
    outputs = []
    for seed in (0, 1):
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            outputs.append(task.outputs_of(network, batch))
    if not torch.equal(*outputs) and not any(each.isnan().any() for each in outputs):
        kinds = [type(m).__name__ for m in network.modules() if "Dropout" in type(m).__name__]
        named = f" ({', '.join(dict.fromkeys(kinds))})" if kinds else ""
        yield (
            f"task: its network draws random numbers while it trains{named}, which no run could "
            "repeat; leave that layer out"
        )


def _stateful(task: Task, network: nn.Module, batch: Batch) -> Iterator[str]:
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    with torch.no_grad():
        task.outputs_of(network, batch)
    for name, buffer in network.named_buffers():
        if not torch.equal(buffer, before[name]):
            owner = type(network.get_submodule(name.rpartition(".")[0])).__name__
            yield (
                f"task: its network changes the buffer {name} ({owner}) while it trains, and a "
                "member consists of its weights only; take a layer without such state (LayerNorm)"
            )
            return


def _unused(task: Task, network: nn.Module, batch: Batch) -> Iterator[str]:
    loss = task.loss_of(task.outputs_of(network, batch), batch)
    tried("the gradient of loss_of", loss.backward)
    for name, param in network.named_parameters():
        if param.requires_grad and param.grad is None:
            yield f"task: the loss doesn't depend on {name}; let it have requires_grad=False"


def _elsewhere(task: Task, network: nn.Module, batch: Batch) -> Tensor:
    """Outputs as a step has them: by another draw of the network, given this one's tensors."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        model = Model(task).float()
        tensors = dict([*network.named_parameters(), *network.named_buffers()])
        return forward(model, tensors, {}, batch)


def _beside(task: Task, network: nn.Module, batch: Batch) -> Iterator[str]:
    with torch.no_grad():
        outputs = task.outputs_of(network, batch)
    elsewhere = tried("its network, given another's tensors,", _elsewhere, task, network, batch)
    if not torch.allclose(outputs, elsewhere, equal_nan=True):
        yield (
            "task: its network has numbers beside its parameters and buffers, which all members "
            "would share; let it register_buffer them"
        )


def _unmapped(task: Task, batch: Batch) -> Iterator[str]:
    """Whether ``torch.func`` takes two members at once."""
    if not task.STACKABLE:
        return
    params, buffers = stack_module_state([network_of(task).float() for _ in range(2)])
    model = Model(task)

    def loss(params: dict[str, Tensor], buffers: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        outputs = forward(model, params, buffers, batch)
        return task.loss_of(outputs, batch), task.correct(outputs, batch)

    try:
        vmap(grad(loss, has_aux=True))(params, buffers)
    except Exception as error:  # whatever torch.func has against it
        yield (
            f"task: torch.func can't map its network, loss or correctness over members "
            f"({first_line(error)}); set STACKABLE = False, and it trains on the plain path"
        )


def _varying(task: Task, network: nn.Module, batch: Batch) -> Iterator[str]:
    """What may vary in a stack, or where a step is shared, is none of the step's business."""
    with torch.no_grad():
        outputs = task.outputs_of(network, batch)
        loss, right = task.loss_of(outputs, batch), task.correct(outputs, batch)
        for name in (*task.VARYING, *task.SIZES):
            value = getattr(task, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            other = dataclasses.replace(task, **{name: value + 1})
            try:
                same = (
                    torch.equal(other.loss_of(outputs, batch), loss)
                    and torch.equal(other.correct(outputs, batch), right)
                    and torch.allclose(_elsewhere(other, network, batch), outputs, equal_nan=True)
                )
            except Exception:  # a value out of range, for all one knows
                continue
            if not same:
                yield (
                    f"task: outputs, loss or correctness depend on {name}, which may vary in a "
                    "stack; hand it on as a tensor in Data's fixed, or take it out of VARYING and "
                    "SIZES"
                )
