"""The minibatches of members, and in which order they take them."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor

from grok.tasks.task import steps_per_epoch


class Batches(NamedTuple):
    """The minibatches of a member: all samples once an epoch, in an order of its own.

    Attributes:
        seeds: of each epoch's order, shape (epochs,).
        samples: number of training samples.
        size: samples in a minibatch, but for a last one that may be smaller.
        taken: samples in an epoch, all or as many as fill minibatches.
    """

    seeds: Tensor
    samples: int
    size: int
    taken: int

    @classmethod
    def drawn(
        cls,
        samples: int,
        size: int,
        budget: int,
        evaluations: Iterable[int] | None = None,
        drop_last: bool = False,
    ) -> Self:
        """The draws of a shuffling DataLoader, from PyTorch's generator as it stands.

        Going through a `torch.utils.data.DataLoader` takes a number from that generator for the
        workers, and another for the order if it shuffles. The published runs go through one for
        each epoch, and through that of the validation set after each epoch of `evaluations`.

        Args:
            budget: steps at most.
            evaluations: steps after which accuracies are measured; None for the ends of epochs.
            drop_last: whether a last minibatch that isn't full is left out of its epoch.
        """
        taken = samples - samples % size if drop_last else samples
        per_epoch = steps_per_epoch(taken, size)
        epochs = math.ceil(budget / per_epoch)
        epoch = torch.arange(epochs)
        ends = per_epoch * (1 + torch.arange(budget // per_epoch))
        if evaluations is not None:
            ends = torch.tensor(sorted(evaluations), dtype=torch.int64)
        # an epoch takes two to train, and one each time it is validated
        draws = torch.empty(2 * epochs + len(ends), dtype=torch.int64).random_()
        validated = torch.searchsorted(ends, epoch * per_epoch, right=True)
        return cls(draws[2 * epoch + 1 + validated], samples, size, taken)

    @property
    def per_epoch(self) -> int:
        """Minibatches in an epoch."""
        return steps_per_epoch(self.taken, self.size)

    def sizes(self, epochs: int) -> Tensor:
        """Samples in each minibatch of so many epochs, shape (steps,)."""
        of_one = [min(self.size, self.taken - first) for first in range(0, self.taken, self.size)]
        return torch.tensor(of_one).repeat(epochs)

    def orders(self, done: int, epochs: int) -> Tensor:
        """The samples of the next epochs, in the order that they are taken, a row an epoch."""
        first = done // self.per_epoch
        # steps beyond the budget don't count, and take the last order again
        epoch = torch.arange(first, first + epochs).clamp(max=len(self.seeds) - 1)
        orders = [_order(seed, self.samples) for seed in self.seeds[epoch].tolist()]
        return torch.stack(orders)[:, : self.taken]


def minibatches(orders: Tensor, size: int) -> list[Tensor]:
    """The samples in each minibatch, for orders of shape (epochs, ..., samples)."""
    return [rows for order in orders for rows in order.split(size, -1)]


@functools.lru_cache(maxsize=1024)  # members with the same seed share orders
def _order(seed: int, samples: int) -> Tensor:
    generator = torch.Generator()
    generator.manual_seed(seed)
    return torch.randperm(samples, generator=generator)


def one_order(members: Sequence[Batches], done: Sequence[int]) -> bool:
    """Whether all members take the same samples in each of their next steps.

    Args:
        done: steps that each has taken.
    """
    together = len(set(done)) == 1
    return together and all(torch.equal(members[0].seeds, other.seeds) for other in members)


def next_rows(
    members: Sequence[Batches], done: Sequence[int], steps: int, device: torch.device
) -> list[Tensor]:
    """For each of the next steps the samples in every member's minibatch, shape (K, size).

    Without K where all take the same.
    """
    first, one = members[0], one_order(members, done)
    epochs = steps // first.per_epoch
    orders = [
        batches.orders(before, epochs)
        for batches, before in zip(members[: 1 if one else None], done, strict=False)
    ]
    taken = (orders[0] if one else torch.stack(orders, 1)).to(device)
    return minibatches(taken, first.size)
