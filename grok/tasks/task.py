"""The contract of a task. Whoever writes one never thinks about stacks."""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

from torch import Tensor, nn

Batch = dict[str, Tensor]
"""Named tensors of one member; ``inputs`` is what the network is called with."""


class Data(NamedTuple):
    """One member's data: what it trains on and what it is validated on."""

    train: Batch
    val: Batch


@dataclass(frozen=True)
class Task(abc.ABC):
    """A dataset, a network, a loss and a per-sample correctness.

    A subclass is a frozen dataclass; its fields are the keys of its YAML in ``conf/task/``.
    Everything the network, the loss and the correctness do runs under ``torch.func``: no
    in-place state, no Python branch on a tensor's values.

    Attributes:
        STACKABLE: whether ``torch.func`` can map the network. One that it can't (an ``nn.LSTM``)
            trains on the plain path, as stacks of one through ordinary autograd, and may branch
            on values; state of its own besides parameters it can't have either.
        VARYING: fields that may differ between the members of a stack: what the initial weights
            and the data hold, and no shape or operation depends on.
        init_scale: alpha, multiplies every initial parameter (Omnigrok, section 2).
    """

    STACKABLE: ClassVar[bool] = True
    VARYING: ClassVar[tuple[str, ...]] = ("init_scale",)

    init_scale: float = 1.0

    def shared(self) -> Self:
        """What the members of a stack have in common: `VARYING` fields at their defaults."""
        defaults: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(self)}
        return dataclasses.replace(self, **{name: defaults[name] for name in self.VARYING})

    def problems(self) -> Iterable[str]:
        """A line for each key out of range: ``task.key=value: what to write instead``."""
        if not 0 < self.init_scale < math.inf:
            yield f"task.init_scale={self.init_scale}: must be a number over 0"

    @abc.abstractmethod
    def network(self) -> nn.Module:
        """One member's network with PyTorch's generator as it stands.

        Its top-level submodules are called ``encoder`` and ``decoder``: the parameter groups.
        """

    @abc.abstractmethod
    def data(self, seed: int) -> Data:
        """One member's data. Sizes don't depend on the seed."""

    def minibatch(self) -> int | None:
        """Samples in a minibatch, shuffled anew each epoch; None trains on all at every step."""
        return None

    def evaluations(self, budget: int) -> Sequence[int] | None:
        """Steps after which accuracies are measured, each the end of an epoch; None is every step.

        At these, train accuracy is that of the epoch's minibatches, before their updates.
        """
        return None

    @abc.abstractmethod
    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The scalar that is minimised, for the network's outputs on `batch`."""

    @abc.abstractmethod
    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Which of the samples of `batch` are predicted right, boolean of shape (samples,)."""
