"""AdamW: decoupled weight decay."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from grok.optim.optimizer import Optimizer, PlainGroup

if TYPE_CHECKING:
    from torch import Tensor

    from grok.optim.optimizer import Hyper


@dataclass(frozen=True)
class AdamW(Optimizer):
    """AdamW. With g the gradient and t the step:

        m <- b1 m + (1 - b1) g
        v <- b2 v + (1 - b2) g^2
        p <- (1 - lr wd) p - lr / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + eps)

    in the order of operations of ``torch.optim.AdamW``, so that both agree to rounding.

    Reference: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019).

    Attributes:
        betas: decay rates of the two moments, in [0, 1).
        eps: added to the root of the second moment, at least 0.
    """

    MOMENTS: ClassVar[tuple[str, ...]] = ("exp_avg", "exp_avg_sq")

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    def problems(self) -> Iterable[str]:
        """A line for each key out of range."""
        yield from super().problems()
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            betas = list(self.betas)
            yield f"opt.betas={betas}: must be two numbers in [0, 1), such as [0.9,0.999]"
        if not 0 <= self.eps < math.inf:
            yield f"opt.eps={self.eps}: must be a number of at least 0"

    def _decay(self, lr: float, weight_decay: float) -> float | None:
        return lr * weight_decay

    def numbers(self) -> dict[str, float]:
        """Both betas and eps."""
        return {"beta1": self.betas[0], "beta2": self.betas[1], "eps": self.eps}

    def rates(self, hyper: Hyper) -> Tensor:
        """Both betas, for the bias corrections."""
        import torch

        return torch.stack([hyper["beta1"], hyper["beta2"]], -1)

    def coefficients(self, lr: Tensor, hyper: Hyper, powers: Tensor) -> tuple[Tensor, ...]:
        """What weights keep, then those of `adam_step`."""
        return 1 - lr * hyper["weight_decay"], *adam_coefficients(lr, hyper, powers)

    def update(
        self, param: Tensor, grad: Tensor, moments: Sequence[Tensor], c: Sequence[Tensor]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The parameter and its two moments after one step."""
        keep, *others = c
        step, moments = adam_step(grad, moments, others)
        return param * keep - step, moments

    def plain_update(self, group: PlainGroup) -> None:
        """As ``torch.optim.AdamW``."""
        from torch.optim.adamw import adamw

        self._call(adamw, group)

    def _call(self, function: Callable[..., None], group: PlainGroup) -> None:
        """PyTorch's update of a group, with the arguments that Adam and AdamW have in common."""
        function(
            list(group.params),
            group.grads,
            group.moments[0],
            group.moments[1],
            [],
            group.steps,
            foreach=True,
            amsgrad=False,
            maximize=False,
            lr=group.lr,
            weight_decay=group.weight_decay,
            beta1=self.betas[0],
            beta2=self.betas[1],
            eps=self.eps,
        )


def adam_coefficients(lr: Tensor, hyper: Hyper, powers: Tensor) -> tuple[Tensor, ...]:
    """Step size, what corrects the second moment's root, 1 - b1, b2, 1 - b2 and eps."""
    correction1, correction2 = (1 - powers).unbind(-1)
    beta1, beta2 = hyper["beta1"], hyper["beta2"]
    return lr / correction1, correction2.rsqrt(), 1 - beta1, beta2, 1 - beta2, hyper["eps"]


def adam_step(
    grad: Tensor, moments: Sequence[Tensor], c: Sequence[Tensor]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """What Adam subtracts from a parameter, and the two moments; `c` as `adam_coefficients`."""
    exp_avg, exp_avg_sq = moments
    step_size, corrects, new1, old2, new2, eps = c
    exp_avg = exp_avg + (grad - exp_avg) * new1
    exp_avg_sq = exp_avg_sq * old2 + grad * grad * new2
    scale = exp_avg_sq.sqrt() * corrects + eps
    return step_size * (exp_avg / scale), (exp_avg, exp_avg_sq)
