"""Toy addition: learn i + j for digits i, j below p, from one-dimensional embeddings.

Source: Re-TUG, section 3; Liu et al. 2022, "Towards Understanding Grokking".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from grok.tasks.task import Batch, Data, Task

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.1),
}
LARGEST_P = 1000
OBJECTIVES = ("classification", "regression")


class AdditionNetwork(nn.Module):
    """Dec(E_i + E_j): an embedding of each digit and an MLP on their sum."""

    def __init__(self, p: int, width: int, outputs: int, activation: str) -> None:
        super().__init__()
        self.encoder = nn.Embedding(p, 1)
        nn.init.uniform_(self.encoder.weight, -0.5, 0.5)
        self.decoder = mlp(1, width, outputs, ACTIVATIONS[activation])

    def forward(self, pairs: Tensor) -> Tensor:
        """Outputs of shape (samples, outputs) for digit pairs of shape (samples, 2)."""
        embedded: Tensor = self.encoder(pairs)  # (samples, 2, 1)
        outputs: Tensor = self.decoder(embedded.sum(-2))  # (samples, 1) -> (samples, outputs)
        return outputs


@dataclass(frozen=True)
class ToyAddition(Task):
    """Addition of two digits as classification or regression (Re-TUG, section 3).

    There are p(p+1)/2 unordered pairs and 2p-1 sums, called classes. In classification the
    outputs are logits of the classes. In regression each class has a fixed Gaussian target
    vector, and the prediction is the class whose vector is nearest to the output.

    Attributes:
        objective: ``classification`` (cross-entropy) or ``regression`` (mean squared error).
        p: digits run from 0 to p - 1.
        train_fraction: share of the pairs that is trained on, rounded down.
        width: hidden width of the decoder.
        target_dim: length of a regression target vector.
        activation: ``tanh``, ``relu`` or ``leaky_relu`` (slope 0.1; Re-TUG, Appendix B).
    """

    objective: str = "regression"
    p: int = 10
    train_fraction: float = 45 / 55
    width: int = 200
    target_dim: int = 30
    activation: str = "tanh"

    def problems(self) -> Iterable[str]:
        """A line for each key out of range."""
        yield from super().problems()
        if self.objective not in OBJECTIVES:
            yield f"task.objective={self.objective}: must be one of {', '.join(OBJECTIVES)}"
        if self.activation not in ACTIVATIONS:
            yield f"task.activation={self.activation}: must be one of {', '.join(ACTIVATIONS)}"
        for key in ("width", "target_dim"):
            if getattr(self, key) < 1:
                yield f"task.{key}={getattr(self, key)}: must be at least 1"
        if not 0 < self.train_fraction < 1:
            yield f"task.train_fraction={self.train_fraction}: must be between 0 and 1"
        elif self.p > LARGEST_P:
            yield f"task.p={self.p}: must be at most {LARGEST_P}, for the batch holds all pairs"
        elif self.p < 2 or not 0 < self.train_size < self.pairs:
            yield (
                f"task.p={self.p}: its {max(self.pairs, 0)} pairs can't be split at "
                f"task.train_fraction={self.train_fraction:.4g}; both parts need one, try task.p=10"
            )

    @property
    def pairs(self) -> int:
        """Number of unordered pairs of digits, p(p+1)/2."""
        return self.p * (self.p + 1) // 2

    @property
    def train_size(self) -> int:
        """Number of training pairs."""
        return int(self.train_fraction * self.pairs + 1e-9)

    @property
    def classes(self) -> int:
        """Number of sums, 2p-1."""
        return 2 * self.p - 1

    def network(self) -> nn.Module:
        """The embedding and the decoder, drawn from PyTorch's generator as it stands."""
        outputs = self.target_dim if self.objective == "regression" else self.classes
        return AdditionNetwork(self.p, self.width, outputs, self.activation)

    def data(self, seed: int) -> Data:
        """The published split and, for regression, the published target vectors."""
        pairs = all_pairs(self.p)
        order = torch.as_tensor(np.random.RandomState(seed).permutation(self.pairs))
        held_out = self.pairs - self.train_size
        vectors = torch.randn(
            self.classes, self.target_dim, generator=torch.Generator().manual_seed(seed)
        )
        return Data(
            train=self._batch(pairs[order[held_out:]], vectors),
            val=self._batch(pairs[order[:held_out]], vectors),
            fixed={"vectors": vectors} if self.objective == "regression" else {},
        )

    def _batch(self, pairs: Tensor, vectors: Tensor) -> Batch:
        labels = pairs.sum(-1)
        if self.objective == "classification":
            return {"inputs": pairs, "labels": labels}
        return {"inputs": pairs, "labels": labels, "targets": vectors[labels]}

    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy, or the squared error's mean over samples and elements."""
        if self.objective == "classification":
            return nn.functional.cross_entropy(outputs, batch["labels"])
        return nn.functional.mse_loss(outputs, batch["targets"])

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Whether the likeliest class, or the one with the nearest target vector, is right."""
        if self.objective == "regression":
            predicted = nearest(outputs, batch["vectors"])
        else:
            predicted = outputs.argmax(-1)
        right: Tensor = predicted == batch["labels"]
        return right


def all_pairs(p: int) -> Tensor:
    """The unordered pairs of digits below p: (0,0), (0,1), (1,1), (0,2), ...; shape (pairs, 2)."""
    larger, smaller = np.tril_indices(p)
    return torch.as_tensor(np.stack([smaller, larger], axis=1))


def mlp(inputs: int, width: int, outputs: int, activation: Callable[[], nn.Module]) -> nn.Module:
    """Two hidden layers of `width` and a linear one."""
    return nn.Sequential(
        nn.Linear(inputs, width),
        activation(),
        nn.Linear(width, width),
        activation(),
        nn.Linear(width, outputs),
    )


def nearest(outputs: Tensor, vectors: Tensor) -> Tensor:
    """The row of `vectors` (classes, n) that is nearest to each of `outputs` (samples, n)."""
    # |o - v|^2 without |o|^2, which is the same for every class
    return (2 * outputs @ vectors.T - vectors.square().sum(-1)).argmax(-1)
