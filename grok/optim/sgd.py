"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from grok.optim.optimizer import Optimizer, PlainGroup

if TYPE_CHECKING:
    from torch import Tensor

    from grok.optim.optimizer import Hyper


@dataclass(frozen=True)
class SGD(Optimizer):
    """SGD with momentum, Nesterov's or not, and weight decay as part of the gradient.

    With g the gradient and mu the momentum:

        g <- g + wd p
        m <- mu m + g
        p <- p - lr m              or, with Nesterov's, p - lr (g + mu m)

    in the order of operations of ``torch.optim.SGD``, so that both agree to rounding.

    Reference: Sutskever et al., "On the importance of initialization and momentum" (2013).

    Attributes:
        momentum: in [0, 1).
        nesterov: look ahead by one step.
    """

    MOMENTS: ClassVar[tuple[str, ...]] = ("momentum",)
    STRUCTURE: ClassVar[tuple[str, ...]] = ("nesterov",)

    momentum: float = 0.0
    nesterov: bool = False

    def problems(self) -> Iterable[str]:
        """A line for each key out of range."""
        yield from super().problems()
        if not 0 <= self.momentum < 1:
            yield f"opt.momentum={self.momentum}: must be in [0, 1), such as 0.9"
        elif self.nesterov and self.momentum == 0:
            yield "opt.nesterov=true: needs an opt.momentum over 0, such as 0.9"

    def _decay(self, lr: float, weight_decay: float) -> float:
        """A step's decay goes on in the momentum, and adds up to this."""
        return lr * weight_decay / (1 - self.momentum)

    def numbers(self) -> dict[str, float]:
        """The momentum."""
        return {"momentum": self.momentum}

    def coefficients(self, lr: Tensor, hyper: Hyper, powers: Tensor) -> tuple[Tensor, ...]:
        """Learning rate, weight decay and momentum."""
        return lr, hyper["weight_decay"], hyper["momentum"]

    def update(
        self, param: Tensor, grad: Tensor, moments: Sequence[Tensor], c: Sequence[Tensor]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The parameter and its momentum after one step."""
        lr, weight_decay, momentum = c
        grad = grad + param * weight_decay
        moment = moments[0] * momentum + grad
        step = grad + moment * momentum if self.nesterov else moment
        return param - step * lr, (moment,)

    def plain_update(self, group: PlainGroup) -> None:
        """As ``torch.optim.SGD``."""
        from torch.optim.sgd import sgd

        sgd(
            list(group.params),
            group.grads,
            list(group.moments[0]),
            foreach=True,
            weight_decay=group.weight_decay,
            momentum=self.momentum,
            lr=group.lr,
            dampening=0.0,
            nesterov=self.nesterov,
            maximize=False,
        )
