"""Holds a task against its contract: all mistakes in one call, a line each."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from grok.checks.network import (
    HopelessError,
    groups,
    misbehaviour,
    network_of,
    tried,
)
from grok.checks.varying import misuse
from grok.errors import ConfigError, UserError, first_line
from grok.tasks.task import Data, Task, cast, rows, same, samples, steps_per_epoch

BUDGET = 100_000
"""For which the steps of evaluation are asked."""


def check_task(task: Task, *, thorough: bool = False) -> None:
    """Find what is wrong with a task: the first thing to call when writing one.

    It is tried in single and in double precision.

    Args:
        thorough: also train three members for 20 steps, in a stack, each alone, and one of them
            from a checkpoint halfway.

    Raises:
        ConfigError: a line for each mistake, with what to do about it.
    """
    if not isinstance(task, Task):
        raise ConfigError(f"{task!r}: is no task; pass one, such as Mine(), of a subclass of Task")
    lines = list(dict.fromkeys(mistakes(task, (torch.float32, torch.float64))))
    if not lines and thorough:
        # the one place where tasks know of what trains them: to prove that they needn't
        from grok.engine.equality import unequal

        try:
            lines = list(unequal(task))
        except UserError as error:
            lines = str(error).splitlines()
        except Exception as error:  # whatever a later sample may raise
            lines = [f"task: can't be trained ({type(error).__name__}: {first_line(error)})"]
    if lines:
        raise ConfigError(*lines)


def mistakes(task: Task, dtypes: Sequence[torch.dtype]) -> Iterator[str]:
    """A line for each departure from the contract of `Task`.

    Args:
        dtypes: of the parameters and data, each to be tried.
    """
    try:
        _dataclasses(type(task))
        yield from _fields(task)
        if wrong := tried("problems()", lambda: list(task.problems())):
            yield from wrong  # the rest needs values within their ranges
            return
        network = network_of(task)
        yield from groups(task, network)
        data = _data(task)
        if wrong := [*_samples(data), *_repeated(task, data)] or [*_scaled(task, data)]:
            yield from wrong
            return
        yield from _sizes(task, data)
        for dtype in dtypes:
            given: Data = cast(data, dtype)
            wrong = list(misbehaviour(task, network.to(dtype), given))
            if wrong := wrong or [*misuse(task, network, rows(given.train) | given.fixed)]:
                yield from wrong
                return
    except HopelessError as mistake:
        yield str(mistake)
    except UserError as error:  # the task's own words, about its files for one
        yield from str(error).splitlines()


def unmeasured(task: Task, budget: int) -> Iterator[str]:
    """A line where a budget is over before accuracy is measured."""
    size, per_epoch = task.minibatch(), 1
    if wrong := [*_minibatch(task, task.train_samples())]:
        yield from wrong
        return
    if size is not None:
        per_epoch = steps_per_epoch(task.train_samples(), size, task.DROP_LAST)
    try:
        steps = tried(f"evaluations({budget})", task.evaluations, budget)
    except HopelessError as mistake:  # of so many steps a list may not fit into memory
        yield str(mistake)
        return
    if budget < per_epoch or (steps is not None and not any(step <= budget for step in steps)):
        known = task.evaluations(BUDGET)
        first = per_epoch if known is None else next(iter(known), per_epoch)
        yield (
            f"phase.budget={budget}: is over before accuracy is first measured, which is after "
            f"{max(first, per_epoch)} steps"
        )


def _dataclasses(kind: type[Task]) -> None:
    """What a subclass adds counts as a field only where it is a dataclass itself."""
    for each in kind.__mro__[: kind.__mro__.index(Task)]:
        hints = vars(each).get("__annotations__", {})
        own = [name for name, hint in hints.items() if "ClassVar" not in str(hint)]
        if issubclass(each, Task) and own and "__dataclass_fields__" not in vars(each):
            raise HopelessError(
                f"task: {each.__name__} has {', '.join(own)}, but is no dataclass; write "
                "@dataclass(frozen=True) above it"
            )


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


def _data(task: Task) -> Data:
    data = tried("data(0)", task.data, 0)
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
            again, first = task.data(0), network_of(task)
            np.random.seed(2)  # noqa: NPY002
            second = network_of(task)
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


def _scaled(task: Task, data: Data) -> Iterator[str]:
    """The initial scale is the weights' alone: members of all scales may share their data."""
    scaled = dataclasses.replace(task, init_scale=task.init_scale + 1)
    if not same(data, tried("data(0) of another init_scale", scaled.data, 0)):
        yield (
            "task: data(seed) depends on init_scale, which scales the initial weights alone; give "
            "it a field of its own"
        )


def _minibatch(task: Task, count: int) -> Iterator[str]:
    size = tried("minibatch()", task.minibatch)
    if size is not None and not (isinstance(size, int) and 1 <= size <= count):
        yield f"task: minibatch() gives {size}; it must be from 1 to the {count} training samples"


def _sizes(task: Task, data: Data) -> Iterator[str]:
    other = tried("data(1)", task.data, 1)
    shapes = [{n: (tuple(t.shape), t.dtype) for n, t in _named(each)} for each in (data, other)]
    for name in shapes[0]:
        if shapes[0][name] != shapes[1].get(name):
            yield (
                f"task: data(seed).{name} has shape and type {shapes[0][name]} for the seed 0 and "
                f"{shapes[1].get(name)} for the seed 1; they must not depend on it"
            )
            break
    yield from _minibatch(task, samples(data.train))
    steps = tried(f"evaluations({BUDGET})", task.evaluations, BUDGET)
    if steps is not None:
        outside = [step for step in steps if not (int(step) == step and 1 <= step <= BUDGET)]
        if outside or not len(steps):
            found = f"has {outside[0]}" if outside else "has no step"
            yield f"task: evaluations({BUDGET}) {found}; its steps must be from 1 to the budget"
