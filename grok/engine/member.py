"""A member: one job of a sweep, one cell of a grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grok.config import Opt, PhaseRule, Seed
from grok.engine.adamw import Hyper
from grok.engine.step import GROUPS, State
from grok.tasks import Data, Task

Drawn = tuple[State, Hyper, Data]
"""Everything that a member starts from."""


@dataclass(frozen=True)
class Member:
    """What one network is trained with, and where its record goes.

    Attributes:
        folder: the member's own folder; also its identity.
        task_name: the name of the task's config, for the record.
        config: the whole composed configuration, for the record.
        overrides: the job's own settings, full key to value, for the record.
    """

    folder: Path
    task: Task
    opt: Opt
    phase: PhaseRule
    seed: Seed
    task_name: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)

    def drawn(self, dtype: torch.dtype) -> Drawn:
        """The member before its first step, floating-point tensors in `dtype`."""
        params = self.weights(dtype)
        exp_avg = {name: torch.zeros_like(param) for name, param in params.items()}
        exp_avg_sq = {name: torch.zeros_like(param) for name, param in params.items()}
        beta_powers = torch.ones(len(GROUPS), 2, dtype=torch.float64)
        return State(params, exp_avg, exp_avg_sq, beta_powers), self.hyper(), self.data(dtype)

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
        train, val = (
            {
                name: tensor.to(dtype) if tensor.is_floating_point() else tensor
                for name, tensor in part.items()
            }
            for part in self.task.data(self.seed.data)
        )
        return Data(train, val)

    def hyper(self) -> Hyper:
        """Hyperparameters of each group, in the order of `GROUPS`."""
        opt, (beta1, beta2) = self.opt, self.opt.betas
        both = [
            (opt.lr_enc, opt.wd_enc, beta1, beta2, opt.eps),
            (opt.lr_dec, opt.wd_dec, beta1, beta2, opt.eps),
        ]
        return Hyper(*torch.tensor(both, dtype=torch.float64).unbind(-1))
