"""QM9 and IMDb: trained here, and the public way; training steps without validation.

python bench/real_data.py

QM9's public way is PyTorch Geometric (pip install torch_geometric; left out without it).
"""

import functools
import importlib.util
from typing import Any

import numpy as np
import stacks
import torch
from plain import adamw
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from turns import Way, measure, show

from grok.tasks.data import molecules

EPOCHS = {"qm9": 8, "imdb": 1}
SETTINGS = {"qm9": ("task.size=1000",), "imdb": ("task.size=200",)}
STACKS = {"qm9": (1, 4, 16), "imdb": (1,)}


def words(task: str) -> tuple[str, ...]:
    return f"task={task}", *SETTINGS[task]


def stacked(task: str, size: int) -> None:
    per_epoch = stacks.stack(size, *words(task)).whole_epochs(1)
    stacks.train(size, EPOCHS[task] * per_epoch, *words(task))


def plain(task: str) -> None:
    """One of our networks in an eager loop."""
    member = stacks.member(*words(task))
    network, batches = member.task.network(), member.drawn(torch.float32).batches
    data, optimizer = member.data(torch.float32), adamw(network, member.opt)
    for order in batches.orders(0, EPOCHS[task]):
        for rows in order.split(batches.size):
            batch = {name: tensor[rows] for name, tensor in data.train.items()} | data.fixed
            optimizer.zero_grad()
            member.task.loss_of(member.task.outputs_of(network, batch), batch).backward()
            optimizer.step()


class WholeLength(nn.Module):
    """The LSTM as published, over every position of every review."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.encoder, self.decoder = network.encoder, network.decoder

    def forward(self, tokens: Tensor) -> Tensor:
        states, _ = self.encoder.lstm(self.encoder.embedding(tokens))
        probability: Tensor = self.decoder(states[:, -1]).sigmoid().squeeze(-1)
        return probability


def published_imdb() -> None:
    member = stacks.member(*words("imdb"))
    network, data = WholeLength(member.task.network()), member.data(torch.float32).train
    optimizer = adamw(network, member.opt)
    loader = DataLoader(TensorDataset(data["inputs"], data["labels"]), 50, shuffle=True)
    for tokens, labels in loader:
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy(network(tokens), labels).backward()
        nn.utils.clip_grad_norm_(network.parameters(), member.opt.clip)
        optimizer.step()


class Geometric(nn.Module):
    """The graph network of PyTorch Geometric's own layers."""

    def __init__(self) -> None:
        super().__init__()
        from torch_geometric.nn import NNConv

        def edge(inputs: int, outputs: int) -> nn.Module:
            return nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, inputs * outputs))

        self.encoder = nn.ModuleList(
            [NNConv(11, 32, edge(11, 32), aggr="add"), NNConv(32, 16, edge(32, 16), aggr="add")]
        )
        self.decoder = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, batch: Any) -> Tensor:
        from torch_geometric.nn import global_add_pool

        nodes = batch.x
        for layer in self.encoder:
            nodes = layer(nodes, batch.edge_index, batch.edge_attr).relu()
        predicted: Tensor = self.decoder(global_add_pool(nodes, batch.batch)).squeeze(-1)
        return predicted


@functools.cache
def loader() -> Any:
    from torch_geometric.data import Data
    from torch_geometric.loader import DataLoader

    packed, graphs = molecules.load(molecules.SHIPPED), []
    every_node, every_edge = molecules.graphs(packed, 1000)
    order = torch.randperm(1000, generator=torch.Generator().manual_seed(0))[:500]
    for number in order.tolist():
        target, kind, source = np.nonzero(
            every_edge[number].reshape(len(every_node[number]), molecules.BONDS, -1)
        )
        graphs.append(
            Data(
                x=torch.tensor(every_node[number, : packed.atoms[number]], dtype=torch.float32),
                edge_index=torch.tensor(np.stack([source, target])),
                edge_attr=nn.functional.one_hot(torch.tensor(kind), 4).float(),
                y=torch.tensor([packed.polarizability[number] / 100], dtype=torch.float32),
            )
        )
    return DataLoader(graphs, batch_size=32, shuffle=True)


def published_qm9() -> None:
    network = Geometric()
    optimizer = adamw(network, stacks.member(*words("qm9")).opt)
    for _ in range(EPOCHS["qm9"]):
        for batch in loader():
            optimizer.zero_grad()
            nn.functional.mse_loss(network(batch), batch.y).backward()
            optimizer.step()


def main() -> None:
    """Print a table for each task."""
    published = {"imdb": published_imdb}
    if importlib.util.find_spec("torch_geometric"):
        published["qm9"] = published_qm9
    for task, epochs in EPOCHS.items():
        steps = epochs * stacks.stack(1, *words(task)).whole_epochs(1)
        ways = [
            Way(f"stack of {size}", functools.partial(stacked, task, size), size * steps)
            for size in STACKS[task]
        ]
        if task == "qm9":
            ways.insert(0, Way("plain loop", functools.partial(plain, task), steps))
        if task in published:
            ways.insert(0, Way("published way", published[task], steps))
        show(task, measure(ways, turns=3), ways[0].name)


if __name__ == "__main__":
    main()
