"""Adam, with weight decay as part of the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grok.optim.adamw import AdamW, adam_coefficients, adam_step
from grok.optim.optimizer import PlainGroup

if TYPE_CHECKING:
    from torch import Tensor

    from grok.optim.optimizer import Hyper


@dataclass(frozen=True)
class Adam(AdamW):
    """Adam with coupled L2: as `AdamW`, with g + wd p for the gradient and no other decay.

    Reference: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015).
    """

    def _decay(self, lr: float, weight_decay: float) -> float | None:
        """The moments make of it what they will."""
        return 0.0 if lr * weight_decay == 0 else None

    def coefficients(self, lr: Tensor, hyper: Hyper, powers: Tensor) -> tuple[Tensor, ...]:
        """Weight decay, then those of `adam_step`."""
        return hyper["weight_decay"], *adam_coefficients(lr, hyper, powers)

    def update(
        self, param: Tensor, grad: Tensor, moments: Sequence[Tensor], c: Sequence[Tensor]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The parameter and its two moments after one step."""
        weight_decay, *others = c
        step, moments = adam_step(grad + param * weight_decay, moments, others)
        return param - step, moments

    def plain_update(self, group: PlainGroup) -> None:
        """As ``torch.optim.Adam``."""
        from torch.optim.adam import adam

        self._call(adam, group)
