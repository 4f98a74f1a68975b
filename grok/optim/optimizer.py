"""The contract of an optimizer. Whoever writes one never thinks about stacks.

PyTorch is imported where it is used: a mistake in a key is told before that takes seconds.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from grok.optim.schedule import SCHEDULES, factor, factors
from grok.record.meaning import role_problems

if TYPE_CHECKING:
    from torch import Tensor, nn

    Hyper = dict[str, Tensor]

GROUPS = ("encoder", "decoder")
"""Parameter groups, each with its own learning rate and weight decay."""


@dataclass
class PlainGroup:
    """The parameters of a group on the plain path, and what ``torch.optim`` would remember.

    Attributes:
        params: with gradients.
        moments: a list like `params` for each of the optimizer's `MOMENTS`.
        steps: of each parameter, the steps taken, scalars.
        lr, weight_decay: of the group at this step.
    """

    params: list[nn.Parameter]
    moments: list[list[Tensor]]
    steps: list[Tensor]
    lr: float
    weight_decay: float

    @property
    def grads(self) -> list[Tensor]:
        """Gradients of `params`."""
        return [param.grad for param in self.params if param.grad is not None]


@dataclass(frozen=True)
class Optimizer(abc.ABC):
    """An update of each parameter by its gradient, with hyperparameters of its group.

    A subclass is a frozen dataclass; its fields are the keys of its YAML in ``conf/opt/``. All
    numbers among them may differ between the members of a stack.

    Attributes:
        MOMENTS: names of the tensors kept for each parameter, of its shape, 0 at first.
        STRUCTURE: fields that decide which operations a step has, and so are the same in a stack.
        ROLES: what fields are, in words that pictures show (see `grok.record.meaning`); one with
            fields of its own adds to it: ``Optimizer.ROLES | {"lr_bias": "bias learning rate"}``.
        lr_enc, lr_dec: learning rate of the encoder and the decoder, at least 0.
        wd_enc, wd_dec: weight decay of each, at least 0.
        warmup: the first so many steps, over which a factor of learning rates rises linearly to 1.
            The schedule's counts from the first step too, and multiplies it.
        schedule: ``constant``; ``step``: times `gamma` after every `period` steps; ``cosine``: from
            the whole to `gamma` of it in `period` steps along half a cosine, and constant then.
        period: optimizer steps; None where the schedule is constant.
        gamma: a factor of at least 0.
        clip: the L2 norm that the gradient of all parameters together is scaled down to where it is
            larger; None for none.
    """

    MOMENTS: ClassVar[tuple[str, ...]] = ()
    STRUCTURE: ClassVar[tuple[str, ...]] = ()
    ROLES: ClassVar[Mapping[str, str]] = {
        "lr_dec": "decoder learning rate",
        "wd_dec": "decoder weight decay",
        "lr_enc": "encoder learning rate",
        "wd_enc": "encoder weight decay",
    }

    lr_enc: float = field(kw_only=True)
    lr_dec: float = field(kw_only=True)
    wd_enc: float = field(kw_only=True, default=0.0)
    wd_dec: float = field(kw_only=True, default=0.0)
    warmup: int = field(kw_only=True, default=0)
    schedule: str = field(kw_only=True, default="constant")
    period: int | None = field(kw_only=True, default=None)
    gamma: float = field(kw_only=True, default=0.1)
    clip: float | None = field(kw_only=True, default=None)

    def problems(self) -> Iterable[str]:
        """A line for each key out of range: ``opt.key=value: what to write instead``."""
        yield from role_problems("opt", self)
        for key in ("lr_enc", "lr_dec", "wd_enc", "wd_dec", "gamma"):
            value = getattr(self, key)
            if not (math.isfinite(value) and value >= 0):
                yield f"opt.{key}={value}: must be a number of at least 0"
        if self.warmup < 0:
            yield f"opt.warmup={self.warmup}: must be at least 0 steps"
        if self.schedule not in SCHEDULES:
            yield f"opt.schedule={self.schedule}: must be one of {', '.join(SCHEDULES)}"
        elif self.schedule != "constant" and self.period is None:
            yield f"opt.period=null: opt.schedule={self.schedule} needs a number of steps"
        if self.period is not None and self.period < 1:
            yield f"opt.period={self.period}: must be at least 1 step"
        if self.clip is not None and not (math.isfinite(self.clip) and self.clip > 0):
            yield f"opt.clip={self.clip}: must be a number over 0, or null for none"

    def shared(self) -> Self:
        """What the members of a stack have in common: the structure, not the numbers."""
        chosen: dict[str, Any] = {name: getattr(self, name) for name in self.STRUCTURE}
        clip = None if self.clip is None else 1.0
        return type(self)(lr_enc=0.0, lr_dec=0.0, clip=clip, **chosen)

    def decay_per_step(self, groups: Collection[str] = GROUPS) -> float | None:
        """The share that weight decay alone takes of every weight in a step.

        None where that isn't the same for all `groups`, those of a network with parameters, and for
        all steps (warm-up aside), or isn't a share.
        """
        of_group = {"encoder": (self.lr_enc, self.wd_enc), "decoder": (self.lr_dec, self.wd_dec)}
        shares = {self._decay(*of_group[group]) for group in groups}
        share = shares.pop() if len(shares) == 1 and self.schedule == "constant" else None
        return share if share is not None and share < 1 else None

    def _decay(self, lr: float, weight_decay: float) -> float | None:
        """The share that weight decay alone takes of a weight in a step; None if it is no share."""
        return None

    def hyper(self) -> Hyper:
        """Hyperparameters of each group, float64 of shape (groups,), in the order of `GROUPS`.

        Double precision keeps ``1 - lr * weight_decay`` and bias corrections as exact as the Python
        floats of ``torch.optim``.
        """
        import torch

        values = {
            "lr": (self.lr_enc, self.lr_dec),
            "weight_decay": (self.wd_enc, self.wd_dec),
            **{name: (value, value) for name, value in self.numbers().items()},
        }
        if self.clip is not None:
            values["clip"] = (self.clip, self.clip)
        return {name: torch.tensor(each, dtype=torch.float64) for name, each in values.items()}

    def lr_factors(self, done: int, steps: int) -> tuple[float, ...]:
        """What learning rates are multiplied by in each of the `steps` after `done`."""
        return factors(self.warmup, self.schedule, self.period, self.gamma, done, steps)

    def lr_factor(self, done: int) -> float:
        """What learning rates are multiplied by in the step after `done`."""
        return factor(self.warmup, self.schedule, self.period, self.gamma, done)

    @abc.abstractmethod
    def numbers(self) -> dict[str, float]:
        """Hyperparameters besides learning rate, weight decay and clip, by name."""

    def rates(self, hyper: Hyper) -> Tensor:
        """Rates whose powers `coefficients` needs, shape (K, groups, n); none unless overridden."""
        lr = hyper["lr"]
        return lr.new_empty(*lr.shape, 0)

    @abc.abstractmethod
    def coefficients(self, lr: Tensor, hyper: Hyper, powers: Tensor) -> tuple[Tensor, ...]:
        """What steps multiply and add, in double precision, each of shape (steps, K, groups).

        Args:
            lr: of each step, shape (steps, K, groups).
            hyper: each of shape (K, groups).
            powers: of `rates` to the number of steps done with each, shape (steps, K, groups, n).
        """

    @abc.abstractmethod
    def update(
        self, param: Tensor, grad: Tensor, moments: Sequence[Tensor], c: Sequence[Tensor]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The parameter and its moments after one step.

        Args:
            param, grad, moments: one member's tensors, of one shape and dtype.
            c: `coefficients` of the parameter's group and this step, scalars of that dtype.
        """

    @abc.abstractmethod
    def plain_update(self, group: PlainGroup) -> None:
        """The same in place, by the function that the optimizer's ``torch.optim`` namesake calls.

        That is without what the namesake does around it at every step, a quarter of the time of
        small networks.
        """
