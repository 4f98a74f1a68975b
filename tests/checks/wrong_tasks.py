"""Tasks, networks and data that don't keep the contract."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from tests.tasks.examples import Chain, Sign


def sequential(*layers):
    return lambda self: Chain(nn.Sequential(nn.Linear(4, 16), *layers), nn.Linear(16, 2))


@dataclass(frozen=True)
class Unhashable(Sign):
    sizes: dict = field(default_factory=dict)


@dataclass(frozen=True)
class NoJson(Sign):
    dtype: torch.dtype = torch.float32


class Foreign(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.decoder = nn.Linear(4, 16), nn.Linear(16, 2)

    def forward(self, inputs):
        return self.decoder(self.embed(inputs))


class Recurrent(nn.Module):
    """Can be mapped with its gradient, and not without."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.GRU(1, 8, batch_first=True), nn.Linear(8, 2)

    def forward(self, inputs):
        return self.decoder(self.encoder(inputs[..., None])[0][:, -1])


@dataclass(frozen=True)
class Widened(Sign):
    VARYING = ("init_scale", "width")

    width: int = 16

    def network(self):
        return Chain(nn.Linear(4, self.width), nn.Linear(self.width, 2))


class Undeclared(Sign):
    extra: int = 3


class Branching(nn.Module):
    """Takes another way for other values."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(4, 16), nn.Linear(16, 2)

    def forward(self, inputs):
        hidden = self.encoder(inputs)
        return self.decoder(hidden if hidden.sum() > 0 else -hidden)


class Unused(Branching):
    def forward(self, inputs):
        return self.decoder(inputs.repeat(1, 4))


class Projecting(Branching):
    """Random features that are neither parameter nor buffer."""

    def __init__(self):
        super().__init__()
        self.features = torch.randn(4, 4)

    def forward(self, inputs):
        return self.decoder(self.encoder(inputs @ self.features))


class Scaling(Branching):
    """A number that each member draws, where no step finds it."""

    def __init__(self):
        super().__init__()
        self.factor = torch.rand(()).item()

    def forward(self, inputs):
        return self.decoder(self.encoder(inputs * self.factor))


@dataclass(frozen=True)
class Activated(Sign):
    VARYING = ("init_scale", "activation")
    activation: str = "tanh"

    def network(self):
        layers = {"tanh": nn.Tanh, "relu": nn.ReLU}
        return Chain(nn.Sequential(nn.Linear(4, 16), layers[self.activation]()), nn.Linear(16, 2))


def scaled(task, seed):
    data = Sign.data(task, seed)
    return data._replace(train=data.train | {"inputs": data.train["inputs"] * task.init_scale})


def fewer(task, seed):
    data, count = Sign.data(task, seed), int(8 * task.init_scale)
    return data._replace(train={name: tensor[:count] for name, tensor in data.train.items()})


def by_numpy(network):
    with torch.no_grad():
        network.decoder.bias.copy_(torch.from_numpy(np.random.rand(2)))  # noqa: NPY002
    return network


def late(self, seed):
    """A label that is none, beyond the samples that are tried."""
    data = Sign.data(self, seed)
    data.train["labels"][20] = 7
    return data


def per_sample(self, seed):
    data = Sign.data(self, seed)
    return data._replace(train=data.train | {"vectors": torch.ones(3, 2)})


def scalar(self, seed):
    data = Sign.data(self, seed)
    return data._replace(val=data.val | {"threshold": torch.tensor(1.0)})


def uneven(self, seed):
    data = Sign.data(self, seed)
    return data._replace(val={name: t[: 10 + seed] for name, t in data.val.items()})
