"""A task's network held against the contract: its groups, and what it makes of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import grad, stack_module_state, vmap
from torch.utils import _pytree as pytree

from grok.errors import UserError, first_line
from grok.optim import GROUPS
from grok.tasks.model import Model, forward
from grok.tasks.task import Batch, Data, Task, rows, same, samples


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
    batch = rows(data.train) | data.fixed
    kept = list(_in_place(task, network, batch))
    if wrong := kept or [*_random(task, network, batch), *_stateful(task, network, batch)]:
        yield from wrong
        return
    yield from _unused(task, network, batch)
    yield from _unmapped(task, network, batch)
    yield from _beside(task, network, batch)


def _try_outcomes(task: Task, network: nn.Module, data: Data) -> None:
    """Outputs, loss and correctness of some samples."""
    for part in ("train", "val"):
        batch = rows(getattr(data, part)) | data.fixed
        count = samples(rows(getattr(data, part)))
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
        outputs = task.outputs_of(network, batch)
        if not same(before, batch):
            yield "task: outputs_of changes its batch in place; let it work on a copy"
            return
        kept = outputs.clone()
        for name in ("loss_of", "correct"):
            getattr(task, name)(outputs, batch)
            if not same((before, kept), (batch, outputs)):
                yield f"task: {name} changes its outputs or batch in place; let it work on a copy"
                return


def _random(task: Task, network: nn.Module, batch: Batch) -> Iterator[str]:
    def twice(function: Any, *arguments: Any) -> Iterator[Tensor]:
        for seed in (0, 1):
            with torch.random.fork_rng(devices=[]), torch.no_grad():
                torch.manual_seed(seed)
                yield function(*arguments)

    outputs, others = twice(task.outputs_of, network, batch)
    if not same(outputs, others):
        kinds = [type(m).__name__ for m in network.modules() if "Dropout" in type(m).__name__]
        named = f" ({', '.join(dict.fromkeys(kinds))})" if kinds else ""
        yield (
            f"task: its network draws random numbers while it trains{named}, which no run could "
            "repeat; leave that layer out"
        )
        return
    for name in ("loss_of", "correct"):
        if not same(*twice(getattr(task, name), outputs, batch)):
            yield f"task: {name} draws random numbers, which no run could repeat; leave them out"


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


def elsewhere(task: Task, network: nn.Module, batch: Batch) -> Tensor:
    """Outputs as a step has them: by another draw of the network, given this one's tensors."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        model = Model(task).to(_dtype(network))
        tensors = dict([*network.named_parameters(), *network.named_buffers()])
        return forward(model, tensors, {}, batch)


def _dtype(network: nn.Module) -> torch.dtype:
    return next(network.parameters()).dtype


def _beside(task: Task, network: nn.Module, batch: Batch) -> Iterator[str]:
    before = dict(_attributes(network))
    with torch.no_grad():
        outputs = task.outputs_of(network, batch)
    for name, tensor in _attributes(network):
        if before.get(name) is tensor:  # and isn't computed anew at each call, as by some hooks
            yield (
                f"task: its network has the tensor {name}, which is neither parameter nor buffer, "
                "so that no device or precision is its own; let the module register_buffer it"
            )
            return
    others = tried("its network, given another's tensors,", elsewhere, task, network, batch)
    if not torch.allclose(outputs, others, equal_nan=True):
        yield (
            "task: its network has numbers beside its parameters and buffers, which all members "
            "would share; let it register_buffer them"
        )


def _attributes(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Plain attributes of its modules that hold numbers, by full name."""
    for path, module in network.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, Tensor) and value.is_floating_point():
                yield f"{path}.{name}".strip("."), value


def _unmapped(task: Task, network: nn.Module, batch: Batch) -> Iterator[str]:
    """Whether ``torch.func`` takes two members at once."""
    if not task.STACKABLE:
        return
    two = [network_of(task).to(_dtype(network)) for _ in range(2)]
    params, buffers = stack_module_state(two)
    model = Model(task)

    def loss(params: dict[str, Tensor], buffers: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        outputs = forward(model, params, buffers, batch)
        return task.loss_of(outputs, batch), task.correct(outputs, batch)

    try:
        vmap(grad(loss, has_aux=True))(params, buffers)
        with torch.no_grad():  # as it is validated, where PyTorch takes other ways
            vmap(loss)(params, buffers)
    except Exception as error:  # whatever torch.func has against it
        yield (
            f"task: torch.func can't map its network, loss or correctness over members "
            f"({first_line(error)}); set STACKABLE = False, and it trains on the plain path"
        )
