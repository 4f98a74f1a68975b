"""Holds a task against its contract: all mistakes in one call, a line each."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import grad, stack_module_state, vmap
from torch.utils import _pytree as pytree

from grok.errors import ConfigError, UserError, first_line
from grok.optim import GROUPS
from grok.tasks.model import Model, forward
from grok.tasks.task import Batch, Data, Task, cast, samples

BUDGET = 100_000
"""For which the steps of evaluation are asked."""
ROWS = 8
"""Samples that are tried."""


class HopelessError(Exception):
    """A mistake after which nothing more can be tried; its message is the line."""


def check_task(task: Task, *, thorough: bool = False) -> None:
    """Find what is wrong with a task: the first thing to call when writing one.

    Args:
        thorough: also train three members for 20 steps, in a stack and each alone.

    Raises:
        ConfigError: a line for each mistake, with what to do about it.
    """
    lines = list(dict.fromkeys(mistakes(task)))
    if not lines and thorough:
        # the one place where tasks know of what trains them: to prove that they needn't
        from grok.engine.equality import unequal

        try:
            lines = list(unequal(task))
        except Exception as error:  # whatever a later sample may raise
            lines = [f"task: can't be trained ({type(error).__name__}: {first_line(error)})"]
    if lines:
        raise ConfigError(*lines)


def mistakes(task: Task) -> Iterator[str]:
    """A line for each departure from the contract of `Task`."""
    try:
        yield from _fields(task)
        yield from task.problems()
        network = _network(task)
        yield from _groups(task, network)
        data = _data(task)
        if wrong := [*_samples(data), *_repeated(task, data)]:
            yield from wrong
            return
        yield from _sizes(task, data)
        network, data = network.float(), cast(data, torch.float32)
        _try_outcomes(task, network, data)
        batch = _rows(data.train) | data.fixed
        kept = list(_in_place(task, network, batch))
        if wrong := kept or [*_random(task, network, batch), *_stateful(task, network, batch)]:
            yield from wrong
            return
        yield from _unused(task, network, batch)
        yield from _unmapped(task, batch)
        yield from _varying(task, network, batch)
    except HopelessError as mistake:
        yield str(mistake)
    except UserError as error:  # the task's own words, about its files for one
        yield from str(error).splitlines()


def _fields(task: Task) -> Iterator[str]:
    """Fields name a member in caches and records, so they are compared and written."""
    defaults = {field.name: field.default for field in dataclasses.fields(task)}
    for name in defaults:
        value = getattr(task, name)
        try:
            hash(value)
        except TypeError:
            raise HopelessError(
                f"task.{name}={value}: can't be hashed; let it be a number, a text or a list"
            ) from None
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            yield (
                f"task.{name}={value}: can't be written as JSON; let it be a number, a text or a "
                "list of these"
            )
    for kind in ("VARYING", "SIZES"):
        for name in getattr(task, kind):
            if defaults.get(name, dataclasses.MISSING) is dataclasses.MISSING:
                raise HopelessError(f"task: {kind} names {name}, which is no field with a default")


def _tried(what: str, function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except UserError:
        raise
    except Exception as error:  # whatever somebody's code may raise
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise HopelessError(f"task: {what} fails ({reason})") from error


def _network(task: Task) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = _tried("network()", task.network)
    if not isinstance(network, nn.Module):
        raise HopelessError(
            f"task: network() gives a {type(network).__name__}; it must be an nn.Module"
        )
    if not any(param.requires_grad for param in network.parameters()):
        raise HopelessError(
            "task: no parameter of its network learns; let one have requires_grad=True"
        )
    return network


def _groups(task: Task, network: nn.Module) -> Iterator[str]:
    others: dict[str, str] = {}
    for name, param in network.named_parameters():
        group = _tried(f"group({name!r})", task.group, name)
        if param.requires_grad and group not in GROUPS:
            others.setdefault(group, name)
    for group, name in others.items():
        yield (
            f"task: group({name!r}) is {group!r}; call the top-level modules of the network "
            f"{' and '.join(GROUPS)}, or let the task's group(name) give one of these"
        )


def _data(task: Task) -> Data:
    data = _tried("data(0)", task.data, 0)
    if not isinstance(data, Data):
        raise HopelessError(
            f"task: data(seed) gives a {type(data).__name__}; it must be a grok.tasks.Data"
        )
    for name, leaf in _named(data):
        if not isinstance(leaf, Tensor):
            raise HopelessError(
                f"task: data(seed).{name} is a {type(leaf).__name__}; make it a tensor, such as by "
                "torch.as_tensor"
            )
    return data


def _named(data: Data) -> Iterator[tuple[str, Any]]:
    for part, batch in data._asdict().items():
        for path, leaf in pytree.tree_flatten_with_path(batch)[0]:
            yield part + pytree.keystr(path), leaf


def _samples(data: Data) -> Iterator[str]:
    """Train and validation hold a row a sample."""
    for part in ("train", "val"):
        leaves = dict(_named(Data({}, {})._replace(**{part: getattr(data, part)})))
        if not leaves:
            yield f"task: data(seed).{part} has no tensors"
            continue
        first, count = next(iter(leaves)), 0
        for name, leaf in leaves.items():
            rows = len(leaf) if leaf.dim() else None
            if rows == 0:
                yield f"task: data(seed).{name} has no samples"
                break
            count = count or rows or 0
            if rows != count:
                size = "is a scalar" if rows is None else f"has {rows} rows"
                yield (
                    f"task: data(seed).{name} {size}, where {first} has {count} samples; put what "
                    "isn't a row a sample into Data's fixed"
                )
        for name in data.fixed.keys() & getattr(data, part).keys():
            yield f"task: data(seed).fixed and .{part} both have {name!r}; rename one"


def _repeated(task: Task, data: Data) -> Iterator[str]:
    """Draws depend on nothing but the seed that they are made under."""
    state = np.random.get_state()  # noqa: NPY002 - somebody's code may draw from it
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            np.random.seed(1)  # noqa: NPY002
            again, first = task.data(0), _network(task)
            np.random.seed(2)  # noqa: NPY002
            second = _network(task)
    finally:
        np.random.set_state(state)  # noqa: NPY002
    for (name, one), (_, other) in zip(_named(data), _named(again), strict=True):
        if not torch.allclose(one, other, rtol=0, atol=0, equal_nan=True):
            yield (
                f"task: data(0).{name} is another each time; draw it from a generator of its own, "
                "such as torch.Generator().manual_seed(seed)"
            )
            return
    weights = zip(first.state_dict().items(), second.state_dict().values(), strict=True)
    for (name, one), other in weights:
        if not torch.equal(one, other):
            yield (
                f"task: {name} of its network is another each time under the same seed of PyTorch; "
                "draw it from PyTorch's generator"
            )
            return


def _sizes(task: Task, data: Data) -> Iterator[str]:
    other = _tried("data(1)", task.data, 1)
    shapes = [{n: (tuple(t.shape), t.dtype) for n, t in _named(each)} for each in (data, other)]
    for name in shapes[0]:
        if shapes[0][name] != shapes[1].get(name):
            yield (
                f"task: data(seed).{name} has shape and type {shapes[0][name]} for the seed 0 and "
                f"{shapes[1].get(name)} for the seed 1; they must not depend on it"
            )
            break
    size, count = task.minibatch(), samples(data.train)
    if size is not None and not (isinstance(size, int) and 1 <= size <= count):
        yield f"task: minibatch() gives {size}; it must be from 1 to the {count} training samples"
    steps = task.evaluations(BUDGET)
    if steps is not None:
        outside = [step for step in steps if not (int(step) == step and 1 <= step <= BUDGET)]
        if outside or not len(steps):
            found = f"has {outside[0]}" if outside else "has no step"
            yield f"task: evaluations({BUDGET}) {found}; its steps must be from 1 to the budget"


def _rows(batch: Batch) -> Batch:
    rows: Batch = pytree.tree_map(lambda tensor: tensor[:ROWS], batch)
    return rows


def _try_outcomes(task: Task, network: nn.Module, data: Data) -> None:
    """Outputs, loss and correctness of some samples."""
    for part in ("train", "val"):
        batch = _rows(getattr(data, part)) | data.fixed
        count = samples(_rows(getattr(data, part)))
        outputs = _tried(f"outputs_of(network, {part} batch)", task.outputs_of, network, batch)
        if not isinstance(outputs, Tensor) or not outputs.dim() or len(outputs) != count:
            shape = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
            raise HopelessError(
                f"task: outputs_of gives {shape} for {count} samples; it must be a tensor with a "
                "row a sample"
            )
        loss = _tried("loss_of", task.loss_of, outputs, batch)
        if not isinstance(loss, Tensor) or loss.dim() or not loss.is_floating_point():
            shape = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            raise HopelessError(f"task: loss_of gives {shape}; it must be a scalar, such as a mean")
        right = _tried("correct", task.correct, outputs, batch)
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
    _tried("the gradient of loss_of", loss.backward)
    for name, param in network.named_parameters():
        if param.requires_grad and param.grad is None:
            yield f"task: the loss doesn't depend on {name}; let it have requires_grad=False"


def _unmapped(task: Task, batch: Batch) -> Iterator[str]:
    """Whether ``torch.func`` takes two members at once."""
    if not task.STACKABLE:
        return
    params, buffers = stack_module_state([_network(task).float() for _ in range(2)])
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
                same = torch.equal(other.loss_of(outputs, batch), loss) and torch.equal(
                    other.correct(outputs, batch), right
                )
            except Exception:  # a value out of range, for all one knows
                continue
            if not same:
                yield (
                    f"task: loss or correctness depends on {name}, which may vary in a stack; hand "
                    "it on as a tensor in Data's fixed, or take it out of VARYING and SIZES"
                )
