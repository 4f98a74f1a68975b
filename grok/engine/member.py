"""A member: one job of a sweep, one cell of a grid."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from grok.config import Opt, PhaseRule, Seed
from grok.engine.adamw import Hyper
from grok.engine.step import GROUPS, State, norm_of
from grok.tasks import Data, Task


@dataclass(frozen=True)
class Batches:
    """The minibatches of a member: all samples once an epoch, in an order of its own.

    Attributes:
        seed: with the epoch's number it gives the epoch's order.
        samples: number of training samples.
        size: samples in a minibatch; a last one that isn't full is left out.
    """

    seed: int
    samples: int
    size: int

    @property
    def per_epoch(self) -> int:
        """Minibatches in an epoch."""
        return self.samples // self.size

    def rows(self, done: int, epochs: int) -> Tensor:
        """The samples of each minibatch of the next epochs, shape (steps, size)."""
        first = done // self.per_epoch
        orders = [self._order(epoch) for epoch in range(first, first + epochs)]
        return torch.cat(orders).view(-1, self.size)

    @functools.lru_cache(maxsize=1024)  # noqa: B019 - members with the same seed share orders
    def _order(self, epoch: int) -> Tensor:
        order = np.random.default_rng([self.seed, epoch]).permutation(self.samples)
        return torch.from_numpy(order[: self.per_epoch * self.size])


class Drawn(NamedTuple):
    """Everything that a member starts from.

    Attributes:
        batches: None where every step takes all samples.
        evaluations: steps at which accuracies are measured; None where that is every step.
        constrain: groups whose parameters together keep their initial L2 norm.
    """

    state: State
    hyper: Hyper
    data: Data
    batches: Batches | None = None
    evaluations: frozenset[int] | None = None
    constrain: tuple[str, ...] = ()


@dataclass(frozen=True)
class Member:
    """What one network is trained with, and where its record goes.

    Attributes:
        folder: the member's own folder; also its identity.
        constrain: groups whose parameters together keep their initial L2 norm.
        task_name: the name of the task's config, for the record.
        config: the whole composed configuration, for the record.
        overrides: the job's own settings, full key to value, for the record.
    """

    folder: Path
    task: Task
    opt: Opt
    phase: PhaseRule
    seed: Seed
    constrain: tuple[str, ...] = ()
    task_name: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)

    def drawn(self, dtype: torch.dtype) -> Drawn:
        """The member before its first step, floating-point tensors in `dtype`."""
        params = self.weights(dtype)
        exp_avg = {name: torch.zeros_like(param) for name, param in params.items()}
        exp_avg_sq = {name: torch.zeros_like(param) for name, param in params.items()}
        beta_powers = torch.ones(len(GROUPS), 2, dtype=torch.float64)
        state = State(params, exp_avg, exp_avg_sq, beta_powers, norm_of(params, self.constrain))
        data, size = self.data(dtype), self.task.minibatch()
        samples = len(data.train["inputs"])
        evaluations = self.task.evaluations(self.phase.budget)
        return Drawn(
            state,
            self.hyper(),
            data,
            None if size is None else Batches(self.seed.model, samples, size),
            None if evaluations is None else frozenset(evaluations),
            self.constrain,
        )

    def weights(self, dtype: torch.dtype) -> dict[str, Tensor]:
        """Initial parameters by name: PyTorch's draws from the model seed times `init_scale`."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed.model)
            network = self.task.network()
        return {
            name: param.detach().to(dtype) * self.task.init_scale
            for name, param in network.named_parameters()
        }

    def data(self, dtype: torch.dtype) -> Data:
        """The draws of the data seed, floating-point tensors in `dtype`."""
        return _data(dataclasses.replace(self.task, init_scale=1.0), self.seed.data, dtype)

    def hyper(self) -> Hyper:
        """Hyperparameters of each group, in the order of `GROUPS`."""
        opt, (beta1, beta2) = self.opt, self.opt.betas
        both = [
            (opt.lr_enc, opt.wd_enc, beta1, beta2, opt.eps),
            (opt.lr_dec, opt.wd_dec, beta1, beta2, opt.eps),
        ]
        return Hyper(*torch.tensor(both, dtype=torch.float64).unbind(-1))


@functools.lru_cache(maxsize=8)
def _data(task: Task, seed: int, dtype: torch.dtype) -> Data:
    """What members of the same draws share."""
    train, val = (
        {
            name: tensor.to(dtype) if tensor.is_floating_point() else tensor
            for name, tensor in part.items()
        }
        for part in task.data(seed)
    )
    return Data(train, val)
