"""What may vary between the members of a stack is none of a step's business.

A step knows `Task.shared` only: it would take the default of such a field for every member.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from grok.checks.network import elsewhere, network_of
from grok.tasks.task import Batch, Task

FIX = "hand it on as a tensor in Data's fixed, or take it out of VARYING and SIZES"


def misuse(task: Task, network: nn.Module, batch: Batch) -> Iterator[str]:
    """A line for each field that may vary in a stack, and that the way to the loss looks at."""
    read = dict(_reads(task, network, batch))
    for name, method in read.items():
        yield f"task: {method} reads {name}, which may vary in a stack; {FIX}"
    for name in (*task.VARYING, *task.SIZES):
        if reshaped := _reshaped(task, name, network):
            yield (
                f"task: {name} decides the shape of {reshaped}, and may vary in a stack; take it "
                "out of VARYING and SIZES"
            )
        elif name not in read and _is_another(task, name, network, batch):
            yield (
                f"task: its network, given the same weights, is another for another {name}, which "
                f"may vary in a stack; {FIX}"
            )


def _reads(task: Task, network: nn.Module, batch: Batch) -> Iterator[tuple[str, str]]:
    """Each such field that is looked at, and the method that does first."""
    names, found = (*task.VARYING, *task.SIZES), dict[str, str]()
    method = "outputs_of"

    def note(name: str) -> None:
        if name in names:
            found.setdefault(name, method)

    watched = _watched(task, note)
    with torch.no_grad():
        outputs = watched.outputs_of(network, batch)
        for method in ("loss_of", "correct"):
            getattr(watched, method)(outputs, batch)
    yield from found.items()


def _watched(task: Task, note: Callable[[str], None]) -> Task:
    """The task, but `note` is told of each of its attributes that is looked at."""
    kind = type(task)

    def look(self: Any, name: str) -> Any:
        note(name)
        return kind.__getattribute__(self, name)

    # a cache asks for its hash, which looks at all fields
    methods = {"__getattribute__": look, "__hash__": lambda self: hash(task)}
    watched = copy.copy(task)
    object.__setattr__(watched, "__class__", type(kind.__name__, (kind,), methods))
    return watched


def _reshaped(task: Task, name: str, network: nn.Module) -> str | None:
    """The first parameter that has another shape for a near value of the field."""
    shapes = {key: param.shape for key, param in network.named_parameters()}
    for value in _near(getattr(task, name)):
        settings: dict[str, Any] = {name: value}
        try:
            other = network_of(dataclasses.replace(task, **settings))
        except Exception:  # it may be out of range, for all one knows
            continue
        for key, param in other.named_parameters():
            if shapes.get(key) != param.shape:
                return key
    return None


def _near(value: Any) -> list[Any]:
    """Another value of a number or a switch."""
    if isinstance(value, bool):
        return [not value]
    return [value + 1] if isinstance(value, int | float) else []


def _is_another(task: Task, name: str, network: nn.Module, batch: Batch) -> bool:
    """Whether outputs of the same weights are others for the field's default, or a near value."""
    value: Any = getattr(task, name)
    (default,) = (each.default for each in dataclasses.fields(task) if each.name == name)
    with torch.no_grad():
        outputs = task.outputs_of(network, batch)
    for other in (default, *_near(value)):
        settings: dict[str, Any] = {name: other}
        try:
            others = elsewhere(dataclasses.replace(task, **settings), network, batch)
        except Exception:  # a near value may be out of range, for all one knows
            if other is default:
                return True
            continue
        if outputs.shape != others.shape or not torch.allclose(outputs, others, equal_nan=True):
            return True
    return False
