"""Tasks of kinds that the shipped ones don't have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from grok.tasks import Batch, Data, Task


class Chain(nn.Module):
    """An encoder and a decoder, one after the other."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.decoder(self.encoder(inputs))
        return outputs


class Classification(Task):
    """Labels, and the likeliest class."""

    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        return nn.functional.cross_entropy(outputs, batch["labels"])

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        return outputs.argmax(-1) == batch["labels"]


@dataclass(frozen=True)
class Sign(Classification):
    """Which of two random directions a vector is nearer to, in minibatches of 8 if asked."""

    SIZES: ClassVar[tuple[str, ...]] = ("train_size",)

    train_size: int = 24
    batch_size: int | None = None

    def network(self) -> nn.Module:
        return Chain(nn.Sequential(nn.Linear(4, 16), nn.Tanh()), nn.Linear(16, 2))

    def data(self, seed: int) -> Data:
        generator = torch.Generator().manual_seed(seed)
        directions = torch.randn(2, 4, generator=generator)
        inputs = torch.randn(self.train_size + 16, 4, generator=generator)
        labels = (inputs @ directions.T).argmax(-1)
        batch = {"inputs": inputs, "labels": labels}
        return Data(
            {name: tensor[16:] for name, tensor in batch.items()},
            {name: tensor[:16] for name, tensor in batch.items()},
        )

    def minibatch(self) -> int | None:
        return self.batch_size


@dataclass(frozen=True)
class FrozenEmbedding(Sign):
    """Random features that nothing moves, and a linear read-out."""

    def network(self) -> nn.Module:
        network = super().network()
        network.encoder.requires_grad_(False)
        return network


class Centred(nn.Module):
    """Subtracts a random vector, drawn with the weights."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("centre", torch.randn(4))
        self.linear = nn.Linear(4, 16)

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.tanh(self.linear(inputs - self.centre))


@dataclass(frozen=True)
class RegisteredBuffer(Sign):
    """A buffer of the member's own draw."""

    def network(self) -> nn.Module:
        return Chain(Centred(), nn.Linear(16, 2))


class PairNetwork(nn.Module):
    """Embeds both of a nested pair of tokens, one of them masked."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleDict({"left": nn.Embedding(5, 8), "right": nn.Embedding(5, 8)})
        self.decoder = nn.Linear(8, 5)

    def forward(self, tokens: dict[str, Tensor], mask: Tensor) -> Tensor:
        left, right = (self.encoder[side](tokens[side]) for side in ("left", "right"))
        outputs: Tensor = self.decoder(torch.tanh(left + right * mask[:, None]))
        return outputs


@dataclass(frozen=True)
class NestedIntegers(Classification):
    """Integers in nested dictionaries, and outputs that need more than ``inputs``."""

    def network(self) -> nn.Module:
        return PairNetwork()

    def data(self, seed: int) -> Data:
        generator = torch.Generator().manual_seed(seed)
        pairs = torch.randint(5, (40, 2), generator=generator)
        mask = torch.randint(2, (40,), generator=generator).bool()
        tokens = {"left": pairs[:, 0], "right": pairs[:, 1]}
        labels = (pairs[:, 0] + pairs[:, 1] * mask) % 5
        graph: Batch = {"tokens": tokens, "mask": mask, "labels": labels}
        parts = [
            {"tokens": {k: v[rows] for k, v in tokens.items()}}
            for rows in (slice(32), slice(32, 40))
        ]
        for part, rows in zip(parts, (slice(32), slice(32, 40)), strict=True):
            part |= {name: graph[name][rows] for name in ("mask", "labels")}
        return Data(*parts)

    def minibatch(self) -> int:
        return 8

    def outputs_of(self, network: nn.Module, batch: Batch) -> Tensor:
        outputs: Tensor = network(batch["tokens"], batch["mask"])
        return outputs


@dataclass(frozen=True)
class FixedTensors(Sign):
    """A table of target vectors and a threshold of the member's own, in minibatches.

    Attributes:
        threshold: a squared distance.
        evaluate: steps of evaluation.
        widths: of nothing; a list from YAML.
    """

    VARYING: ClassVar[tuple[str, ...]] = ("init_scale", "threshold")

    threshold: float = 1.0
    evaluate: tuple[int, ...] | None = None
    widths: tuple[int, ...] = (1, 2)
    batch_size: int | None = 8

    def data(self, seed: int) -> Data:
        fixed = {
            "vectors": torch.randn(3, 2, generator=torch.Generator().manual_seed(seed)),
            "threshold": torch.tensor(self.threshold),
        }
        return super().data(seed)._replace(fixed=fixed)

    def evaluations(self, budget: int) -> Sequence[int] | None:
        return None if self.evaluate is None else [s for s in self.evaluate if s <= budget]

    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        return nn.functional.mse_loss(outputs, batch["vectors"][batch["labels"]])

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        distance = (outputs - batch["vectors"][batch["labels"]]).square().sum(-1)
        right: Tensor = distance < batch["threshold"]
        return right


class Reader(nn.Module):
    """Reads a sequence of bits and says whether there are more ones than noughts."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.LSTM(1, 8, batch_first=True)
        self.decoder = nn.Linear(8, 2)

    def forward(self, bits: Tensor) -> Tensor:
        outputs: Tensor = self.decoder(self.encoder(bits)[0][:, -1])
        return outputs


@dataclass(frozen=True)
class Majority(Classification):
    """A task of a network that trains on the plain path only."""

    STACKABLE: ClassVar[bool] = False

    def network(self) -> nn.Module:
        return Reader()

    def data(self, seed: int) -> Data:
        bits = torch.rand(60, 5, 1, generator=torch.Generator().manual_seed(seed)).round()
        labels = (bits.sum((1, 2)) > 2).long()
        return Data(
            {"inputs": bits[:40], "labels": labels[:40]},
            {"inputs": bits[40:], "labels": labels[40:]},
        )


@dataclass(frozen=True)
class OwnGroups(Sign):
    """Modules of other names, each parameter's group told by the task."""

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 2))

    def group(self, name: str) -> str:
        return "encoder" if name.startswith("0.") else "decoder"


EXAMPLES: dict[str, Any] = {
    task.__name__: task
    for task in (
        Sign,
        FrozenEmbedding,
        RegisteredBuffer,
        NestedIntegers,
        FixedTensors,
        Majority,
        OwnGroups,
    )
}
