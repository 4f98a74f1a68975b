"""Toy addition from a given representation, which isn't learned: the decoder alone is.

Source: Omnigrok, section 5.1 and appendix D (Figure 6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from grok.tasks.task import Batch, Data, Task
from grok.tasks.toy import LARGEST_P, all_pairs, mlp, nearest

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh,
}
REPRESENTATIONS = {"unit": 1, "integers": 1, "code": 2}
"""Dimensions of each."""


class Decoder(nn.Module):
    """Dec(R_i + R_j): an MLP on the sum of two digits' representations."""

    def __init__(self, inputs: int, width: int, outputs: int, activation: str) -> None:
        super().__init__()
        self.decoder = mlp(inputs, width, outputs, ACTIVATIONS[activation])

    def forward(self, sums: Tensor) -> Tensor:
        """Outputs of shape (samples, outputs) for sums of shape (samples, dimensions)."""
        outputs: Tensor = self.decoder(sums)
        return outputs


@dataclass(frozen=True)
class ToyRepresentation(Task):
    """Regression on a random vector for each sum, from R = (1 - m) line + m random (Eq. 4).

    Held at a weight norm w it gives the reduced losses over (w, m) (Omnigrok, Eq. 5).

    Attributes:
        messiness: m, from 0 (a line) to 1 (random).
        representation: ``integers``: digit k is at k on the line, random is standard Gaussian, as
            the paper writes; ``unit``: the line has a mean of 0 and a variance of 1, as random has;
            ``code``: two dimensions, the line from -1 to 1 with random offsets up to 0.3 beside
            it, and random uniform from -1 to 1, as in the public code.
        p: digits run from 0 to p - 1: p(p+1)/2 unordered pairs.
        train_size: training pairs, the first of an order drawn from the data seed. The others
            validate; all do where none is left.
        modular: whether sums are taken modulo p, as in the public code.
        width: of the decoder's two hidden layers.
        target_dim: length of a target vector.
        activation: ``relu``, ``leaky_relu`` (slope 0.2, as in the public code) or ``tanh``.
    """

    VARYING: ClassVar[tuple[str, ...]] = ("init_scale", "messiness")

    messiness: float = 0.0
    representation: str = "unit"
    p: int = 10
    train_size: int = 45
    modular: bool = False
    width: int = 200
    target_dim: int = 30
    activation: str = "relu"

    def problems(self) -> Iterable[str]:
        """A line for each key out of range."""
        yield from super().problems()
        if not 0 <= self.messiness <= 1:
            yield f"task.messiness={self.messiness}: must be from 0 to 1"
        for key, choices in (("representation", REPRESENTATIONS), ("activation", ACTIVATIONS)):
            if getattr(self, key) not in choices:
                yield f"task.{key}={getattr(self, key)}: must be one of {', '.join(choices)}"
        for key in ("width", "target_dim"):
            if getattr(self, key) < 1:
                yield f"task.{key}={getattr(self, key)}: must be at least 1"
        if not 2 <= self.p <= LARGEST_P:
            yield f"task.p={self.p}: must be from 2 to {LARGEST_P}, for the batch holds all pairs"
        elif not 1 <= self.train_size <= (pairs := len(all_pairs(self.p))):
            yield f"task.train_size={self.train_size}: must be from 1 to {pairs}, all pairs"

    @property
    def classes(self) -> int:
        """Number of different sums."""
        return self.p if self.modular else 2 * self.p - 1

    def network(self) -> nn.Module:
        """The decoder, drawn from PyTorch's generator as it stands."""
        inputs = REPRESENTATIONS[self.representation]
        return Decoder(inputs, self.width, self.target_dim, self.activation)

    def data(self, seed: int) -> Data:
        """Drawn in this order: representations, target vectors, the order of the pairs."""
        draws = torch.Generator().manual_seed(seed)
        digits = self._digits(draws)
        vectors = torch.randn(self.classes, self.target_dim, generator=draws)
        pairs = all_pairs(self.p)
        pairs = pairs[torch.randperm(len(pairs), generator=draws)]
        sums = pairs.sum(-1)
        labels = sums % self.p if self.modular else sums
        samples = {"inputs": digits[pairs].sum(1), "labels": labels, "targets": vectors[labels]}
        train, rest = slice(self.train_size), slice(self.train_size % len(pairs), None)
        return Data(
            {name: tensor[train] for name, tensor in samples.items()},
            {name: tensor[rest] for name, tensor in samples.items()},
            {"vectors": vectors},
        )

    def _digits(self, draws: torch.Generator) -> Tensor:
        """The representation of every digit, shape (p, dimensions)."""
        if self.representation == "code":
            beside, *at_random = (2 * torch.rand(3, self.p, generator=draws) - 1).unbind()
            line = torch.stack([torch.linspace(-1, 1, self.p), 0.3 * beside], 1)
            random = torch.stack(at_random, 1)
        else:
            line = torch.arange(self.p, dtype=torch.float32)[:, None]
            if self.representation == "unit":
                line = (line - line.mean()) / line.std(correction=0)
            random = torch.randn(self.p, 1, generator=draws)
        return (1 - self.messiness) * line + self.messiness * random

    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The squared error's mean over samples and elements."""
        return nn.functional.mse_loss(outputs, batch["targets"])

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Whether the sum with the nearest target vector is right."""
        right: Tensor = nearest(outputs, batch["vectors"]) == batch["labels"]
        return right
