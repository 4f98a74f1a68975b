"""The contract of a task. Whoever writes one never thinks about stacks."""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from grok.record.meaning import role_problems

Batch = dict[str, Any]
"""Named tensors of one member, also in nested dictionaries; ``inputs`` is what the network takes
unless the task says otherwise."""
ROWS = 8
"""Samples on which a task or a measure is tried."""
MOST_LAYERS = 100
"""Of a perceptron; a step through more takes long to compile, and nothing comes of it."""


class Data(NamedTuple):
    """One member's data.

    Attributes:
        train, val: what it trains on and what it is validated on: a row a sample in the first
            dimension of every tensor.
        fixed: what isn't per sample (target vectors, a threshold). Every batch has it too.
    """

    train: Batch
    val: Batch
    fixed: Batch = {}  # noqa: RUF012 - nobody writes to it


@dataclass(frozen=True)
class Task(abc.ABC):
    """A dataset, a network, a loss and a per-sample correctness.

    A subclass is a frozen dataclass; its fields are the keys of its YAML in ``conf/task/``, lists
    among them being made tuples. Everything the network, the loss and the correctness do runs
    under ``torch.func``: no in-place state, no Python branch on a tensor's values.
    `grok.check_task` tells whether all is as it should be.

    Attributes:
        STACKABLE: whether ``torch.func`` can map the network. One that it can't (an ``nn.LSTM``)
            trains on the plain path, as stacks of one through ordinary autograd, and may branch
            on values.
        VARYING: fields that may differ between the members of a stack: what the initial weights
            and the data hold, and no shape or operation depends on.
        SIZES: fields that only the number of samples depends on. They differ between stacks, but
            where samples are taken in minibatches one compiled step serves them all.
        ROLES: what fields are, in words that pictures show (see `grok.record.meaning`); a task with
            more to say adds to it: ``Task.ROLES | {"messiness": "messiness of the start"}``.
        DROP_LAST: whether a last minibatch that isn't full is left out of its epoch.
        init_scale: alpha, multiplies every initial parameter that learns (Omnigrok, section 2).
    """

    STACKABLE: ClassVar[bool] = True
    VARYING: ClassVar[tuple[str, ...]] = ("init_scale",)
    SIZES: ClassVar[tuple[str, ...]] = ()
    ROLES: ClassVar[Mapping[str, str]] = {"init_scale": "initial scale"}
    DROP_LAST: ClassVar[bool] = False

    init_scale: float = 1.0

    def __post_init__(self) -> None:
        """Make a list from YAML something that can be compared and hashed."""
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _hashable(getattr(self, field.name)))

    def shared(self) -> Self:
        """What a training step knows of the task: `VARYING` and `SIZES` at their defaults."""
        defaults: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(self)}
        names = (*self.VARYING, *self.SIZES)
        return dataclasses.replace(self, **{name: defaults[name] for name in names})

    def problems(self) -> Iterable[str]:
        """A line for each key out of range: ``task.key=value: what to write instead``."""
        yield from role_problems("task", self)
        if not 0 <= self.init_scale < math.inf:
            yield f"task.init_scale={self.init_scale}: must be a number of at least 0"

    @abc.abstractmethod
    def network(self) -> nn.Module:
        """One member's network with PyTorch's generator as it stands, drawn under the model seed.

        Its parameters and buffers are the member's own: of its draw, in its precision, on its
        device. A parameter with ``requires_grad=False`` is frozen: no step moves it, no decay
        shrinks it, no scale or norm counts it.
        """

    def group(self, name: str) -> str:
        """The group of a parameter, ``encoder`` or ``decoder``.

        Args:
            name: in full, such as ``encoder.0.weight``; by default its first part is the group.
        """
        return name.partition(".")[0]

    @abc.abstractmethod
    def data(self, seed: int) -> Data:
        """One member's data, by a generator of its own. Sizes don't depend on the seed."""

    def outputs_of(self, network: nn.Module, batch: Batch) -> Tensor:
        """What the network makes of `batch`, a row a sample."""
        outputs: Tensor = network(batch["inputs"])
        return outputs

    def train_samples(self) -> int:
        """Training samples; to be overridden where that can be told without the data."""
        return samples(self.data(0).train)

    def minibatch(self) -> int | None:
        """Samples in a minibatch, shuffled anew each epoch; None trains on all at every step."""
        return None

    def evaluations(self, budget: int) -> Sequence[int] | None:
        """Steps after which accuracies are measured; as a `range` they take no memory.

        None is every step or, of minibatches, the end of every epoch. Train loss and accuracy are
        those of the epoch's minibatches so far, each before its update.
        """
        return None

    @abc.abstractmethod
    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The scalar that is minimised, for the network's outputs on `batch`."""

    @abc.abstractmethod
    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Which of the samples of `batch` are predicted right, boolean of shape (samples,)."""


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def samples(batch: Batch) -> int:
    """How many samples a batch has."""
    return len(pytree.tree_leaves(batch)[0])


def steps_per_epoch(samples: int, size: int, drop_last: bool = False) -> int:
    """Minibatches in an epoch; `drop_last` leaves out one that isn't full."""
    return samples // size if drop_last else math.ceil(samples / size)


@dataclass(frozen=True)
class EpochEnds(Sequence[int]):
    """The first end of an epoch after each `every` steps, each once; worked out when asked for.

    Attributes:
        every: at least `per_epoch`.
        per_epoch: minibatches in an epoch.
        budget: steps at most.
    """

    every: int
    per_epoch: int
    budget: int

    def __len__(self) -> int:
        return self.budget // self.per_epoch * self.per_epoch // self.every

    def __getitem__(self, index: Any) -> Any:
        numbers = range(1, len(self) + 1)[index]
        if isinstance(numbers, range):
            return [self._end(number * self.every) for number in numbers]
        return self._end(numbers * self.every)

    def _end(self, step: int) -> int:
        return -(-step // self.per_epoch) * self.per_epoch


def epoch_ends(every: int, samples: int, size: int, budget: int) -> Sequence[int]:
    """The first end of an epoch after each `every` steps; the budget where there is none.

    Args:
        samples, size: of an epoch and of a minibatch.
    """
    per_epoch = steps_per_epoch(samples, size)
    return EpochEnds(max(every, per_epoch), per_epoch, budget) or [budget]


def in_order(steps: Sequence[int] | None) -> Sequence[int] | None:
    """Rising steps, each once; those that are worked out when asked for stay so."""
    if steps is None or isinstance(steps, EpochEnds):
        return steps
    if isinstance(steps, range):
        return steps if steps.step > 0 else steps[::-1]
    return sorted({int(step) for step in steps})


def dtype_of(precision: str) -> torch.dtype:
    """Of parameters and data, by the precision's name in a configuration."""
    return torch.float64 if precision == "64-true" else torch.float32


def cast(tree: Any, dtype: torch.dtype) -> Any:
    """Nested tensors, those of floating point in `dtype`."""
    return pytree.tree_map(lambda t: t.to(dtype) if t.is_floating_point() else t, tree)


def same(tree: Any, other: Any) -> bool:
    """Whether nested tensors are equal to the bit; a nan is as another."""
    ones, others = pytree.tree_leaves(tree), pytree.tree_leaves(other)
    return len(ones) == len(others) and all(map(_equal, ones, others))


def _equal(a: Tensor, b: Tensor) -> bool:
    alike = a.shape == b.shape and a.dtype == b.dtype
    return alike and (torch.equal(a, b) or torch.allclose(a, b, 0, 0, equal_nan=True))


def rows(batch: Batch, count: int | None = ROWS) -> Batch:
    """The first samples of a batch; all where `count` is None."""
    some: Batch = pytree.tree_map(lambda tensor: tensor[:count], batch)
    return some
