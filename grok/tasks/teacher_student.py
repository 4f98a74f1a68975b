"""A student learns the outputs of a teacher of its own shape.

Source: Omnigrok, section 3.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from grok.tasks.task import MOST_LAYERS, Batch, Data, Task


class TanhMLP(nn.Module):
    """Linear layers with tanh between; the encoder is all but the last, the decoder the last."""

    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *itertools.chain.from_iterable(
                (nn.Linear(n, m), nn.Tanh()) for n, m in itertools.pairwise(sizes[:-1])
            )
        )
        self.decoder = nn.Linear(sizes[-2], sizes[-1])

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs of shape (samples, outputs) for inputs of shape (samples, inputs)."""
        outputs: Tensor = self.decoder(self.encoder(inputs))
        return outputs


@dataclass(frozen=True)
class TeacherStudent(Task):
    """Regression on a random teacher's noise-free outputs (Omnigrok, section 3, Figure 2).

    Attributes:
        train_size, val_size: samples, inputs drawn from a standard Gaussian.
        inputs, outputs: sizes of both networks' ends.
        width: of their hidden layers.
        depth: their number of linear layers.
        error_threshold: a sample counts as right if its squared error, mean over the outputs, is
            less (0.01 in the paper, 0.001 in its public code).
    """

    VARYING: ClassVar[tuple[str, ...]] = ("init_scale", "error_threshold")

    train_size: int = 100
    val_size: int = 100
    inputs: int = 5
    outputs: int = 5
    width: int = 100
    depth: int = 3
    error_threshold: float = 0.01

    def problems(self) -> Iterable[str]:
        """A line for each key out of range."""
        yield from super().problems()
        for key in ("train_size", "val_size", "inputs", "outputs", "width"):
            if getattr(self, key) < 1:
                yield f"task.{key}={getattr(self, key)}: must be at least 1"
        if self.depth < 2:
            yield f"task.depth={self.depth}: must be at least 2"
        if self.depth > MOST_LAYERS:
            yield f"task.depth={self.depth}: must be at most {MOST_LAYERS}"
        if not self.error_threshold > 0:
            yield f"task.error_threshold={self.error_threshold}: must be over 0, such as 0.01"

    def network(self) -> nn.Module:
        """A student or a teacher, drawn from PyTorch's generator as it stands."""
        return TanhMLP([self.inputs, *[self.width] * (self.depth - 1), self.outputs])

    def data(self, seed: int) -> Data:
        """Samples of the seed's teacher: drawn in this order are it, train and val inputs."""
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            teacher = self.network()
            train, val = (torch.randn(n, self.inputs) for n in (self.train_size, self.val_size))
            return Data(
                train={"inputs": train, "targets": teacher(train)},
                val={"inputs": val, "targets": teacher(val)},
                fixed={"error_threshold": torch.tensor(self.error_threshold, dtype=torch.float64)},
            )

    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The squared error's mean over samples and outputs."""
        return nn.functional.mse_loss(outputs, batch["targets"])

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Whether a sample's squared error, mean over its outputs, is under the threshold."""
        error = (outputs - batch["targets"]).square().mean(-1)
        right: Tensor = error < batch["error_threshold"]
        return right
