"""The contract of a measure. Whoever writes one never thinks about stacks."""

from __future__ import annotations

import abc
import functools
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import grad
from torch.utils import _pytree as pytree

from grok.errors import UserError, first_line
from grok.tasks import Batch, Task
from grok.tasks.model import Model, forward
from grok.tasks.task import ROWS, cast, rows, same

HIGHER, LOWER = "higher", "lower"
RESERVED = ("steps", "file", "allow_pickle")
"""What no array can be called: the steps are in the same file, which `numpy.savez` writes."""
Better = str | None
"""Which way a column is better: ``higher``, ``lower``, or None where neither is."""


@dataclass(frozen=True)
class Snapshot:
    """One member at one of its steps.

    Attributes:
        task: what it learns; see `grok.tasks.Task`. Fields of it that may differ in a stack, its
            `VARYING` and `SIZES`, have their defaults.
        params: parameters that learn, by name.
        constants: frozen parameters and buffers, by name.
        initial: `params` before the first step.
        train, val: all its samples, with what is fixed.
        call: outputs of the network with these parameters for a batch.
    """

    task: Task
    params: dict[str, Tensor]
    constants: dict[str, Tensor]
    initial: dict[str, Tensor]
    train: Batch
    val: Batch
    call: Callable[[dict[str, Tensor], Batch], Tensor] = field(repr=False)

    def outputs(self, batch: Batch) -> Tensor:
        """The member's outputs for a batch, a row a sample."""
        return self.call(self.params, batch)

    def gradient(self) -> dict[str, Tensor]:
        """Gradient of the loss on all training samples, by parameter."""

        def loss(params: dict[str, Tensor]) -> Tensor:
            return self.task.loss_of(self.call(params, self.train), self.train)

        with torch.enable_grad():
            found: dict[str, Tensor] = grad(loss)(self.params)
        return found


@dataclass(frozen=True)
class Measure(abc.ABC):
    """Numbers taken of a member at some of its steps.

    A subclass is a frozen dataclass; its fields are the keys of its YAML in ``conf/measures/``.

    Attributes:
        every: optimizer steps from one time to the next, the initialisation (step 0) first; None
            for `points` steps, evenly spaced in their logarithm up to the budget.
        points: times at most, where `every` is None.
    """

    every: int | None = field(kw_only=True, default=None)
    points: int = field(kw_only=True, default=200)

    def problems(self) -> Iterable[str]:
        """A line for each key out of range: ``key=value: what to write instead``."""
        if self.every is not None and self.every < 1:
            yield f"every={self.every}: must be a whole number of at least 1"
        if self.points < 2:
            yield f"points={self.points}: must be a whole number of at least 2"

    def task_problems(self, task: Task) -> Iterable[str]:
        """A line for each reason why it can't be taken of this task."""
        return ()

    def due(self, done: int, steps: int, budget: int) -> list[int]:
        """At which of the `steps` after `done` it is taken, by number."""
        if self.every is not None:
            first = self.every * (done // self.every + 1)
            return list(range(first, done + steps + 1, self.every))
        spaced = log_spaced(budget, self.points)
        return [int(step) for step in spaced[(spaced > done) & (spaced <= done + steps)]]

    @abc.abstractmethod
    def columns(self) -> Mapping[str, Better]:
        """Names of the numbers that it gives; none where it gives arrays, kept in a file."""

    @abc.abstractmethod
    def take(self, member: Snapshot) -> Mapping[str, Tensor]:
        """The numbers, scalars; or arrays of any fixed shape.

        A GPU takes it of many members at once, by ``torch.func``, where that can be.
        """


@dataclass(frozen=True)
class Function(Measure):
    """A function of a `Snapshot` as a measure, for one's own.

    Attributes:
        function: returns a scalar; or where it is, ``package.module.function``. The column has its
            name.
        better: ``higher``, ``lower`` or None.
    """

    function: Callable[[Snapshot], Tensor] | str
    better: Better = None

    def __post_init__(self) -> None:
        """Find the function.

        Raises:
            ValueError, ImportError, AttributeError: there is none of this name.
        """
        if isinstance(self.function, str):
            object.__setattr__(self, "function", pkgutil.resolve_name(self.function))

    def problems(self) -> Iterable[str]:
        """A line for each key out of range."""
        yield from super().problems()
        if not callable(self.function):
            yield f"function={self.function}: must be a function"
        elif not hasattr(self.function, "__name__"):
            yield f"function={self.function}: must have a name, for its column; write a def"
        if self.better not in (HIGHER, LOWER, None):
            yield f"better={self.better}: must be {HIGHER}, {LOWER} or null"

    def columns(self) -> Mapping[str, Better]:
        """The one column."""
        return {self._function.__name__: self.better}

    def take(self, member: Snapshot) -> Mapping[str, Tensor]:
        """What the function returns."""
        return {self._function.__name__: self._function(member)}

    @property
    def _function(self) -> Callable[[Snapshot], Tensor]:
        assert callable(self.function)
        return self.function


@functools.cache
def log_spaced(budget: int, points: int) -> np.ndarray[Any, np.dtype[Any]]:
    """At most `points` different steps from 1 to `budget`, evenly spaced in their logarithm."""
    return np.unique(np.geomspace(1, budget, points).round().astype(int))


def shapes(task: Task) -> dict[str, tuple[int, ...]]:
    """The shape of each parameter and buffer of the task's network, by name."""
    network = task.network()
    named = [*network.named_parameters(), *network.named_buffers()]
    return {name: tuple(tensor.shape) for name, tensor in named}


def missing(task: Task, name: str) -> Iterable[str]:
    """A line where the task's network has no parameter or buffer of this name."""
    names = shapes(task)
    if name not in names:
        yield f"parameter={name}: the network has none of this name, but {', '.join(names)}"


def mistakes(measure: Any, task: Task, dtype: torch.dtype) -> Iterable[str]:
    """A line for each reason why a measure can't be taken of a task, which keeps its contract.

    Args:
        dtype: of parameters and data.
    """
    if not isinstance(measure, Measure):
        yield f"_target_={type(measure).__name__}: is no measure; see grok/measures/measure.py"
        return
    try:
        lines = [*measure.problems(), *measure.task_problems(task)]
        columns = {} if lines else dict(measure.columns())
    except UserError:
        raise
    except Exception as error:  # whatever somebody's code may raise
        yield f"problems, columns: fail ({type(error).__name__}: {first_line(error)})"
        return
    if lines:
        yield from lines
        return
    for column, better in columns.items():
        if better not in (HIGHER, LOWER, None):
            yield f"{column}: is better {better}; it must be {HIGHER}, {LOWER} or None"
    try:
        try:
            values, changed = _taken(measure, example(task, dtype, ROWS))
        except Exception:  # it may need all samples
            values, changed = _taken(measure, example(task, dtype))
    except Exception as error:  # whatever somebody's code may raise
        yield f"take: fails ({type(error).__name__}: {first_line(error)})"
        return
    for name in changed:
        yield f"take: changes {name} in place, with which the member trains on; let it copy it"
    if columns and values.keys() != columns.keys():
        yield f"take: gives {', '.join(values)}; its columns are {', '.join(columns)}"
    for name, value in values.items():
        if name in RESERVED and not columns:
            yield f"{name}: is a name that its file has for something else; choose another"
        if not isinstance(value, Tensor) or (columns and value.dim()):
            shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            yield f"{name}: is {shape}; it must be a tensor without dimensions, a number"


def _taken(measure: Measure, member: Snapshot) -> tuple[dict[str, Any], list[str]]:
    """What a measure gives, and what of the member it has changed."""
    parts = ("params", "constants", "initial", "train", "val")
    # the tensors, for dictionaries are made anew each time
    tensors = {part: pytree.tree_leaves(getattr(member, part)) for part in parts}
    before = pytree.tree_map(torch.clone, tensors)
    with torch.no_grad():
        values = dict(measure.take(member))
    return values, [part for part in parts if not same(before[part], tensors[part])]


def example(task: Task, dtype: torch.dtype = torch.float32, samples: int | None = None) -> Snapshot:
    """A member before its first step, with all samples or a few."""
    model, data = Model(task).to(dtype), cast(task.data(0), dtype)
    named = dict([*model.network.named_parameters(), *model.network.named_buffers()])
    params = {name: tensor.detach() for name, tensor in named.items() if tensor.requires_grad}
    constants = {name: tensor for name, tensor in named.items() if name not in params}
    train, val = (rows(part, samples) | data.fixed for part in (data.train, data.val))
    initial = {name: tensor.clone() for name, tensor in params.items()}
    call = functools.partial(_call, model, constants)
    return Snapshot(task.shared(), params, constants, initial, train, val, call)


def _call(
    model: Model, constants: dict[str, Tensor], params: dict[str, Tensor], batch: Batch
) -> Tensor:
    return forward(model, params, constants, batch)
