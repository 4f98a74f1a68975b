"""Which frequencies a network computes modular arithmetic with.

Source: Nanda et al. 2023, "Progress Measures for Grokking via Mechanistic Interpretability".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from grok.measures.measure import LOWER, Better, Measure, Snapshot, missing, shapes
from grok.tasks import Task
from grok.tasks.modular import Modular

OPERATIONS = ("add", "subtract")
"""Those of which all results are equally frequent, and waves of the result tell it."""


@dataclass(frozen=True)
class FourierPower(Measure):
    """How the embeddings of numbers modulo p are made up of waves.

    An array ``power`` of shape (p // 2,): the share of the squared norm that is at frequency 1, 2,
    ... waves over the p numbers, the constant part left out.

    Attributes:
        parameter: name of the embeddings, a row a number in the first p rows.
    """

    parameter: str = "embed"

    def task_problems(self, task: Task) -> Iterable[str]:
        """A line where there are no such embeddings."""
        p = getattr(task, "p", None)
        if not isinstance(p, int) or getattr(task, "symbols", p) != p:
            yield f"task={type(task).__name__}: isn't modulo a p; leave this measure away"
            return
        yield from (lines := list(missing(task, self.parameter)))
        if not lines:
            shape = shapes(task)[self.parameter]
            if len(shape) < 2 or shape[0] < p:
                yield (
                    f"parameter={self.parameter}: must have a row for each of {p} numbers; its "
                    f"shape is {shape}"
                )

    def columns(self) -> Mapping[str, Better]:
        """None: it is an array."""
        return {}

    def take(self, member: Snapshot) -> Mapping[str, Tensor]:
        """The shares."""
        p: int = getattr(member.task, "p")  # noqa: B009 - of some tasks only
        embeddings = (member.params | member.constants)[self.parameter][:p]
        power = _power(torch.fft.rfft(embeddings.flatten(1), dim=0), p)
        return {"power": power / power.sum()}


@dataclass(frozen=True)
class FourierLosses(Measure):
    """Losses of what the strongest frequencies of the logits do, and of what is left without them.

    The logits of all pairs are averaged over those of equal result r; their waves over r are
    cos(2 pi k (a + b) / p) and sin(...) in the operands. ``restricted_loss`` is the loss of the
    constant and the strongest k alone, over all pairs. ``excluded_loss`` is the loss on the
    training pairs once these k are taken off the logits: high where the network needs them.

    Attributes:
        frequencies: how many are the strongest, chosen anew each time.
    """

    frequencies: int = 5

    def problems(self) -> Iterable[str]:
        """A line for each key out of range."""
        yield from super().problems()
        if self.frequencies < 1:
            yield f"frequencies={self.frequencies}: must be at least 1"

    def task_problems(self, task: Task) -> Iterable[str]:
        """A line where the task isn't such an operation."""
        if not isinstance(task, Modular) or task.operation not in OPERATIONS:
            yield f"task: must be modular, with task.operation={' or '.join(OPERATIONS)}"
        elif self.frequencies > task.p // 2:
            yield f"frequencies={self.frequencies}: there are {task.p // 2} modulo {task.p}"

    def columns(self) -> Mapping[str, Better]:
        """Two columns."""
        return {"restricted_loss": LOWER, "excluded_loss": None}

    def take(self, member: Snapshot) -> Mapping[str, Tensor]:
        """The losses."""
        task, train = member.task, member.train
        assert isinstance(task, Modular)
        logits = member.outputs(train)
        spectrum = torch.fft.rfft(_by_result(member, logits, task.p), dim=0)
        strength = _power(spectrum, task.p)
        chosen = strength >= strength.topk(self.frequencies).values[-1]
        waves = torch.cat([0 * spectrum[:1], spectrum[1:] * chosen[:, None]])
        strongest = torch.fft.irfft(waves, n=task.p, dim=0)
        results = torch.arange(task.p, device=logits.device)
        constant = spectrum[0].real / task.p
        return {
            "restricted_loss": task.loss_of(constant + strongest, train | {"labels": results}),
            "excluded_loss": task.loss_of(
                logits - functional.embedding(train["labels"], strongest), train
            ),
        }


def _power(spectrum: Tensor, p: int) -> Tensor:
    """The squared norm at each frequency over 0, shape (p // 2,).

    A frequency stands for itself and its negative, which of an even p the last one isn't.
    """
    weights = torch.full_like(spectrum[1:, 0].real, 2.0)
    weights[-1] -= 1 - p % 2
    return weights * spectrum[1:].abs().square().sum(-1)


def _by_result(member: Snapshot, train_logits: Tensor, p: int) -> Tensor:
    """The mean logits of the pairs of each result, shape (p, outputs)."""
    logits = torch.cat([train_logits, member.outputs(member.val)])
    labels = torch.cat([member.train["labels"], member.val["labels"]])
    sums = logits.new_zeros(p, logits.shape[1]).index_add(0, labels, logits)
    ones = torch.ones_like(logits[:, :1])
    return sums / logits.new_zeros(p, 1).index_add(0, labels, ones).clamp(min=1)
