"""Parity: whether the first `order` of some bits have an odd sum."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from grok.tasks import Data, Task


class Network(nn.Module):
    """One hidden layer; what is below ``encoder`` and ``decoder`` has its own learning rate."""

    def __init__(self, bits: int, width: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(bits, width)
        self.decoder = nn.Linear(width, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        """Two numbers a row of bits, the larger one for its class."""
        outputs: Tensor = self.decoder(torch.relu(self.encoder(inputs)))
        return outputs


@dataclass(frozen=True)
class NewTask(Task):
    """Its fields are the keys of its YAML file."""

    bits: int = 12
    order: int = 3
    width: int = 64
    train_size: int = 200

    def network(self) -> nn.Module:
        """One member's network, drawn by PyTorch's generator."""
        return Network(self.bits, self.width)

    def data(self, seed: int) -> Data:
        """Samples to train on and 500 to validate on, a row each, by a generator of their own."""
        generator = torch.Generator().manual_seed(seed)
        inputs = torch.randint(2, (self.train_size + 500, self.bits), generator=generator).float()
        labels = inputs[:, : self.order].sum(-1).long() % 2
        train, val = slice(self.train_size), slice(self.train_size, None)
        return Data(
            {"inputs": inputs[train], "labels": labels[train]},
            {"inputs": inputs[val], "labels": labels[val]},
        )

    def loss_of(self, outputs: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """What is minimised."""
        return nn.functional.cross_entropy(outputs, batch["labels"])

    def correct(self, outputs: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Which samples are right."""
        return outputs.argmax(-1) == batch["labels"]
