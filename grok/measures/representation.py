"""What a network has made of its inputs: the embeddings, and how good they are for addition."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from grok.measures.measure import HIGHER, LOWER, Better, Measure, Snapshot, missing, shapes
from grok.tasks import Task
from grok.tasks.toy import LARGEST_P

LARGEST = 100
"""Digits of which all parallelograms are formed."""


@dataclass(frozen=True)
class Embeddings(Measure):
    """A parameter itself (Re-TUG, Appendix C, Figures 11 and 12).

    Attributes:
        parameter: its name.
    """

    every: int | None = field(kw_only=True, default=10)
    parameter: str = "encoder.weight"

    def task_problems(self, task: Task) -> Iterable[str]:
        """A line where the network has no such parameter."""
        return missing(task, self.parameter)

    def columns(self) -> Mapping[str, Better]:
        """None: it is an array."""
        return {}

    def take(self, member: Snapshot) -> Mapping[str, Tensor]:
        """The parameter."""
        return {"values": (member.params | member.constants)[self.parameter]}


@dataclass(frozen=True)
class RQI(Measure):
    """Representation quality index: how many parallelograms the embeddings of digits form.

    For digits with i + j = m + n, the share of different pairs {i, j}, {m, n} for which
    |E_i + E_j - E_m - E_n| is at most `tolerance`, the embeddings E being scaled to a mean of 0
    and a mean square of 1 before.

    Source: Liu et al. 2022, "Towards Understanding Grokking", section 3.

    Attributes:
        parameter: name of the embeddings, shape (p, d).
        tolerance: a distance.
    """

    every: int | None = field(kw_only=True, default=10)
    parameter: str = "encoder.weight"
    tolerance: float = 0.01

    def problems(self) -> Iterable[str]:
        """A line for each key out of range."""
        yield from super().problems()
        if not self.tolerance > 0:
            yield f"tolerance={self.tolerance}: must be over 0, such as 0.01"

    def task_problems(self, task: Task) -> Iterable[str]:
        """A line where the network has no such embeddings."""
        yield from digits_missing(task, self.parameter, LARGEST)

    def columns(self) -> Mapping[str, Better]:
        """The one column, from 0 to 1."""
        return {"rqi": HIGHER}

    def take(self, member: Snapshot) -> Mapping[str, Tensor]:
        """The share."""
        embeddings = (member.params | member.constants)[self.parameter]
        centred = embeddings - embeddings.mean(0)
        scaled = centred / centred.square().sum(-1).mean().sqrt()
        i, j, m, n = parallelograms(len(embeddings)).to(embeddings.device)
        gaps = (scaled[i] + scaled[j] - scaled[m] - scaled[n]).square().sum(-1).sqrt()
        return {"rqi": (gaps <= self.tolerance).double().mean()}


@dataclass(frozen=True)
class Messiness(Measure):
    """How far the embeddings of digits are from evenly spaced points on a line, from 0 to 1.

    With a line as wide as the least-squares fit (root mean square |line|) and the root mean square
    |rest| of what it leaves, it is |rest| / (|line| + |rest|). Of the interpolation
    R = (1 - m) line + m random, both of variance 1, it is about m, less where m is large: a random
    representation of ten digits has some line in it, and 0.8 on average.

    Source: Omnigrok, section 5.1, Eq. 4.

    Attributes:
        parameter: name of the embeddings, shape (p, d).
    """

    every: int | None = field(kw_only=True, default=10)
    parameter: str = "encoder.weight"

    def task_problems(self, task: Task) -> Iterable[str]:
        """A line where the network has no such embeddings."""
        yield from digits_missing(task, self.parameter, LARGEST_P)

    def columns(self) -> Mapping[str, Better]:
        """The one column."""
        return {"messiness": LOWER}

    def take(self, member: Snapshot) -> Mapping[str, Tensor]:
        """The share."""
        embeddings = (member.params | member.constants)[self.parameter]
        digits = torch.arange(len(embeddings), device=embeddings.device, dtype=embeddings.dtype)
        line = (digits - digits.mean()) / digits.std(correction=0)
        centred = embeddings - embeddings.mean(0)
        slope = (line[:, None] * centred).mean(0)
        fitted = slope.square().sum().sqrt()
        rest = (centred - line[:, None] * slope).square().sum(-1).mean().sqrt()
        return {"messiness": rest / (fitted + rest)}


def digits_missing(task: Task, parameter: str, largest: int) -> Iterable[str]:
    """A line where a task's network has no embeddings of digits, at most so many, by this name."""
    yield from (lines := list(missing(task, parameter)))
    if lines:
        return
    shape = shapes(task)[parameter]
    if len(shape) != 2 or not 3 <= shape[0] <= largest:
        yield (
            f"parameter={parameter}: must be a matrix of 3 to {largest} rows, the "
            f"embeddings of as many digits; its shape is {shape}"
        )


@functools.cache
def parallelograms(p: int) -> Tensor:
    """All (i, j, m, n) with i + j = m + n, of digits below p, i <= j, m <= n and i < m; (4, n)."""
    pairs = [(i, j) for i in range(p) for j in range(i, p)]
    by_sum: dict[int, list[tuple[int, int]]] = {}
    for pair in pairs:
        by_sum.setdefault(sum(pair), []).append(pair)
    found = [
        (*one, *other) for same in by_sum.values() for one in same for other in same if one < other
    ]
    return torch.tensor(found).T
