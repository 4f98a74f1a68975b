"""Isotropic polarizability of small molecules, by a graph network.

Source: Omnigrok, section 4 (Figure 5); Gilmer et al. 2017, "Neural Message Passing for Quantum
Chemistry".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from grok.errors import UserError
from grok.tasks.data import molecules
from grok.tasks.data.folder import at_home
from grok.tasks.task import Batch, Data, Task, epoch_ends

FEATURES = 11


class EdgeConv(nn.Module):
    """W x_i + b and the sum over i's bonds of W(bond) x_j, with W(bond) by a network.

    Bonds are of four types, so there are four matrices, whatever the graph. b starts at 0, as in
    PyTorch Geometric's NNConv, which the published runs use.
    """

    def __init__(self, inputs: int, outputs: int, hidden: int) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.edge = nn.Sequential(
            nn.Linear(molecules.BONDS, hidden), nn.ReLU(), nn.Linear(hidden, inputs * outputs)
        )
        self.root = nn.Linear(inputs, outputs)
        nn.init.zeros_(self.root.bias)

    def forward(self, nodes: Tensor, adjacency: Tensor) -> Tensor:
        """Shape (graphs, N, outputs) for nodes (graphs, N, inputs); see `molecules.graphs`."""
        types = torch.eye(molecules.BONDS, dtype=nodes.dtype, device=nodes.device)
        weights = self.edge(types).view(molecules.BONDS, self.inputs, self.outputs)
        sent = torch.einsum("gni,tio->gtno", nodes, weights).flatten(1, 2)
        received: Tensor = adjacency @ sent + self.root(nodes)
        return received


class Encoder(nn.Module):
    """Two convolutions, and the sum over a molecule's atoms."""

    def __init__(self, width: int, pooled: int, hidden: int) -> None:
        super().__init__()
        self.first = EdgeConv(FEATURES, width, hidden)
        self.second = EdgeConv(width, pooled, hidden)

    def forward(self, nodes: Tensor, adjacency: Tensor) -> Tensor:
        """Shape (graphs, pooled)."""
        hidden = self.first(nodes, adjacency).relu()
        hidden = self.second(hidden, adjacency).relu()
        atoms = nodes[..., :5].sum(-1, keepdim=True)  # 1, and 0 where there is none
        summed: Tensor = (hidden * atoms).sum(1)
        return summed


class GraphNetwork(nn.Module):
    """Graph convolutions and a perceptron on their sum."""

    def __init__(self, width: int, pooled: int, hidden: int) -> None:
        super().__init__()
        self.encoder = Encoder(width, pooled, hidden)
        self.decoder = nn.Sequential(nn.Linear(pooled, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, nodes: Tensor, adjacency: Tensor) -> Tensor:
        """One number a graph, shape (graphs,)."""
        predicted: Tensor = self.decoder(self.encoder(nodes, adjacency)).squeeze(-1)
        return predicted


@dataclass(frozen=True)
class QM9(Task):
    """Regression on a molecule's isotropic polarizability (Omnigrok, section 4, Figure 5).

    In cubic Bohr radii. Losses are mean squared errors; those of the paper's figure are divided by
    the number of molecules in a batch.

    Attributes:
        size: molecules, the first of the file; a half drawn from the data seed trains.
        file: of `grok/tasks/data/pack_qm9.py`; None for the first 10,000 of QM9.
        batch_size: molecules in a minibatch.
        width, pooled: of a node after the first and the second convolution.
        hidden: width of the networks that make a bond's matrix.
        error_threshold: a molecule is right if the absolute error is less.
        every: optimizer steps from one validation to the next, or to the end of that epoch.
    """

    VARYING: ClassVar[tuple[str, ...]] = ("init_scale", "error_threshold")
    SIZES: ClassVar[tuple[str, ...]] = ("size",)

    size: int = 100
    file: str | None = None
    batch_size: int = 32
    width: int = 32
    pooled: int = 16
    hidden: int = 32
    error_threshold: float = 1.0
    every: int = 20

    def problems(self) -> Iterable[str]:
        """A line for each key out of range."""
        yield from super().problems()
        for key in ("batch_size", "width", "pooled", "hidden", "every"):
            if getattr(self, key) < 1:
                yield f"task.{key}={getattr(self, key)}: must be at least 1"
        if not self.error_threshold > 0:
            yield f"task.error_threshold={self.error_threshold}: must be over 0, such as 1.0"
        try:
            available = len(self._molecules().atoms)
        except UserError as error:
            yield str(error)
        else:
            if not 2 <= self.size <= available:
                yield f"task.size={self.size}: must be from 2 to {available}, all there are"

    def _molecules(self) -> molecules.Molecules:
        path = molecules.SHIPPED if self.file is None else at_home("task.file", self.file)
        return molecules.load(path)

    def train_samples(self) -> int:
        """Molecules that are trained on."""
        return self.size // 2

    def network(self) -> nn.Module:
        """The graph network, drawn from PyTorch's generator as it stands."""
        return GraphNetwork(self.width, self.pooled, self.hidden)

    def data(self, seed: int) -> Data:
        """The first `size` molecules in two halves."""
        packed = self._molecules()
        nodes, adjacency = map(torch.from_numpy, molecules.graphs(packed, self.size))
        targets = torch.from_numpy(packed.polarizability[: self.size] / 100)
        batch = {"nodes": nodes, "adjacency": adjacency, "targets": targets}
        order = torch.randperm(self.size, generator=torch.Generator().manual_seed(seed))
        train, val = order[: self.train_samples()], order[self.train_samples() :]
        return Data(
            {name: tensor[train] for name, tensor in batch.items()},
            {name: tensor[val] for name, tensor in batch.items()},
            {"error_threshold": torch.tensor(self.error_threshold, dtype=torch.float64)},
        )

    def outputs_of(self, network: nn.Module, batch: Batch) -> Tensor:
        """A polarizability a molecule, shape (samples,)."""
        outputs: Tensor = network(batch["nodes"], batch["adjacency"])
        return outputs

    def minibatch(self) -> int:
        """The batch size, or all molecules where there are fewer."""
        return min(self.batch_size, self.train_samples())

    def evaluations(self, budget: int) -> Sequence[int]:
        """The first end of an epoch after each so many steps."""
        return epoch_ends(self.every, self.train_samples(), self.minibatch(), budget)

    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The squared error's mean."""
        return nn.functional.mse_loss(outputs, batch["targets"])

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Whether the error is under the threshold."""
        right: Tensor = (outputs - batch["targets"]).abs() < batch["error_threshold"]
        return right
