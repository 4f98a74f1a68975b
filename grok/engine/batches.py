"""The minibatches of members, and in which order they take them."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor

from grok.tasks.task import steps_per_epoch

PASSED = 2**20
"""Draws that are passed over at a time: 8 MB."""
KEPT = 2**14
"""Samples up to which an order is kept: a thousand of them are 128 MB."""


class Draws:
    """The whole numbers that PyTorch's generator would give next from where it stands.

    They are drawn anew whenever they are asked for, so that none are held, however many there may
    be. All before them are passed over, which takes some 6 ns each; but what was asked for last,
    and what follows it, begins at once.
    """

    def __init__(self) -> None:
        self._start = torch.get_rng_state()
        self._newest, self._there = 0, self._start  # a place, and the generator's state there

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Draws) and torch.equal(self._start, other._start)

    def at(self, place: int, count: int) -> Tensor:
        """So many draws from a place on, which is counted from 0."""
        if place < self._newest:
            self._newest, self._there = 0, self._start
        generator = torch.Generator()
        generator.set_state(self._there)
        for passed in range(self._newest, place, PASSED):
            _drawn(min(PASSED, place - passed), generator)
        self._newest, self._there = place, generator.get_state()
        return _drawn(count, generator)


def _drawn(count: int, generator: torch.Generator) -> Tensor:
    return torch.empty(count, dtype=torch.int64).random_(generator=generator)


class Batches(NamedTuple):
    """The minibatches of a member: all samples once an epoch, in an order of its own.

    Attributes:
        draws: of the orders, one after the other.
        samples: number of training samples.
        size: samples in a minibatch, but for a last one that may be smaller.
        taken: samples in an epoch, all or as many as fill minibatches.
        evaluations: steps after which accuracies are measured, rising.
    """

    draws: Draws
    samples: int
    size: int
    taken: int
    evaluations: Sequence[int]

    @classmethod
    def drawn(
        cls,
        samples: int,
        size: int,
        budget: int,
        evaluations: Sequence[int] | None = None,
        drop_last: bool = False,
    ) -> Self:
        """The draws of a shuffling DataLoader, from PyTorch's generator as it stands.

        Going through a `torch.utils.data.DataLoader` takes a number from that generator for the
        workers, and another for the order if it shuffles. The published runs go through one for
        each epoch, and through that of the validation set after each epoch of `evaluations`.

        Args:
            budget: steps at most.
            evaluations: steps after which accuracies are measured, rising; None for the ends of
                epochs.
            drop_last: whether a last minibatch that isn't full is left out of its epoch.
        """
        taken = samples - samples % size if drop_last else samples
        if evaluations is None:
            per_epoch = steps_per_epoch(taken, size)
            evaluations = range(per_epoch, budget + 1, per_epoch)
        return cls(Draws(), samples, size, taken, evaluations)

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
        places = [self._place(epoch) for epoch in range(first, first + epochs)]
        draws = self.draws.at(places[0], places[-1] - places[0] + 1).tolist()
        draw = _order if self.samples > KEPT else _kept_order
        orders = [draw(draws[place - places[0]], self.samples) for place in places]
        return torch.stack(orders)[:, : self.taken]

    def _place(self, epoch: int) -> int:
        """Where the draw of an epoch's order is, epochs being counted from 0."""
        # an epoch takes two to train, and one each time it is validated
        return 2 * epoch + 1 + bisect.bisect_right(self.evaluations, epoch * self.per_epoch)


def minibatches(orders: Tensor, size: int) -> list[Tensor]:
    """The samples in each minibatch, for orders of shape (epochs, ..., samples)."""
    return [rows for order in orders for rows in order.split(size, -1)]


def _order(seed: int, samples: int) -> Tensor:
    generator = torch.Generator()
    generator.manual_seed(seed)
    return torch.randperm(samples, generator=generator)


_kept_order = functools.lru_cache(maxsize=1024)(_order)  # members with the same seed share orders


def one_order(members: Sequence[Batches], done: Sequence[int]) -> bool:
    """Whether all members take the same samples in each of their next steps.

    Args:
        done: steps that each has taken.
    """
    return len(set(done)) == 1 and all(other == members[0] for other in members)


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
