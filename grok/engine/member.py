"""A member: one job of a sweep, one cell of a grid."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from grok.engine.batches import Batches
from grok.engine.shared import alike
from grok.engine.step import Given, Kind, State, Tensors, norm_of
from grok.errors import UserError
from grok.optim import GROUPS, Optimizer
from grok.record.difference import flat
from grok.schema import PhaseRule, Seed
from grok.tasks import Data, Task, samples
from grok.tasks.task import cast, in_order

PERTURBATION = 1e-7
"""Standard deviation of the relative noise that `Seed.perturb` asks for: single precision's."""

Signature = dict[str, str]
"""Name of a tensor to its shape and dtype, and what else a stack's members have in common."""


class Drawn(NamedTuple):
    """Everything that a member starts from.

    Attributes:
        budget: steps at most.
        batches: None where every step takes all samples.
        evaluations: steps at which accuracies are measured, rising; None where that is every step.
        constrain: groups whose parameters together keep their initial L2 norm.
    """

    opt: Optimizer
    state: State
    given: Given
    budget: int
    batches: Batches | None = None
    evaluations: Sequence[int] | None = None
    constrain: tuple[str, ...] = ()

    def step_sizes(self, steps: int) -> Tensor:
        """Training samples in each of so many steps, whole epochs, shape (steps,)."""
        if self.batches is None:
            return torch.full((steps,), samples(self.given.train))
        return self.batches.sizes(steps // self.batches.per_epoch)

    def kind(self, task: Task) -> Kind:
        """What the operations of a step depend on."""
        return Kind(task.shared(), self.opt.shared(), self.constrain)

    def signature(self, task: Task) -> Signature:
        """What must be the same for all members of a stack, as a member's that learns `task`."""
        batches = self.batches
        return {
            **shapes(self.state._asdict()),
            **shapes(self.given._asdict()),
            "minibatch": "none" if batches is None else f"{batches.size} of {batches.taken}",
            "accuracies": "every step" if self.evaluations is None else "scheduled",
            "task": f"{type(task).__qualname__} {task.shared()}",
            "opt": str(self.opt.shared()),
            "constrain": ", ".join(self.constrain) or "nothing",
        }


def shapes(tree: dict[str, Any]) -> Signature:
    """Shape and dtype of each tensor in nested dictionaries, by full name."""
    tensors = {name: t for name, t in flat(tree).items() if isinstance(t, Tensor)}
    return {name: f"{tuple(t.shape)} {t.dtype}" for name, t in tensors.items()}


def departure(expected: Signature, found: Signature) -> str | None:
    """The first name in which two signatures differ, in a line; None where they are equal."""
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            return f"{name} is {found.get(name, 'missing')} instead of {expected.get(name, 'none')}"
    return None


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
    opt: Optimizer
    phase: PhaseRule
    seed: Seed
    constrain: tuple[str, ...] = ()
    task_name: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)

    def drawn(self, dtype: torch.dtype) -> Drawn:
        """The member before its first step, floating-point tensors in `dtype`."""
        data, budget = self.data(dtype), self.phase.budget
        evaluations, size = in_order(self.task.evaluations(budget)), self.task.minibatch()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed.model)
            (params, constants), batches = self._weights(dtype), None
            if size is not None:
                count, drop_last = samples(data.train), self.task.DROP_LAST
                batches = Batches.drawn(count, size, budget, evaluations, drop_last)
        moments = {
            moment: {name: torch.zeros_like(param) for name, param in params.items()}
            for moment in self.opt.MOMENTS
        }
        hyper = {name: value[None] for name, value in self.opt.hyper().items()}
        powers = torch.ones_like(self.opt.rates(hyper))[0]
        return Drawn(
            self.opt,
            State(params, moments, powers, norm_of(self.task, params, self.constrain)),
            alike(Given(constants, data.fixed, data.train, data.val)),
            budget,
            batches,
            evaluations if batches is None else batches.evaluations,
            self.constrain,
        )

    def _weights(self, dtype: torch.dtype) -> tuple[Tensors, Tensors]:
        """PyTorch's draws by name: scaled and perturbed parameters, and what stays as it is."""
        network = self.task.network()
        params: Tensors = {}
        constants: Tensors = dict(network.named_buffers())
        for name, param in network.named_parameters():
            if not param.requires_grad:
                constants[name] = param.detach()
                continue
            params[name] = param.detach().to(dtype) * self.task.init_scale
            if self.task.group(name) not in GROUPS:
                raise UserError(
                    f"task: the parameter {name} of its network is in no group; the top-level "
                    f"modules must be called {' and '.join(GROUPS)}, or the task's group(name) "
                    "has to say which it belongs to"
                )
        if self.seed.perturb:
            generator = torch.Generator().manual_seed(self.seed.perturb)
            for name, weights in params.items():
                noise = torch.randn(weights.shape, generator=generator, dtype=torch.float64)
                params[name] = (weights.double() * (1 + PERTURBATION * noise)).to(dtype)
        return params, cast(constants, dtype)

    def data(self, dtype: torch.dtype) -> Data:
        """The draws of the data seed, floating-point tensors in `dtype`."""
        return _data(dataclasses.replace(self.task, init_scale=1.0), self.seed.data, dtype)


@functools.lru_cache(maxsize=4)  # members that follow each other mostly have the same
def _data(task: Task, seed: int, dtype: torch.dtype) -> Data:
    data: Data = cast(task.data(seed), dtype)
    return alike(data)
