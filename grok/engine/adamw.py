"""AdamW as a plain function of its state."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Hyper(NamedTuple):
    """A member's hyperparameters, float64, each of shape (groups,); a stack's (K, groups).

    Double precision keeps ``1 - lr * weight_decay`` and the bias corrections as exact as the
    Python floats of ``torch.optim.AdamW``.
    """

    lr: Tensor
    weight_decay: Tensor
    beta1: Tensor
    beta2: Tensor
    eps: Tensor


class Coefficients(NamedTuple):
    """What one step multiplies and adds in a group, scalars of the parameters' dtype."""

    keep: Tensor
    step_size: Tensor
    root_correction2: Tensor
    new1: Tensor
    old2: Tensor
    new2: Tensor
    eps: Tensor


def coefficients(
    hyper: Hyper, beta_powers: Tensor, steps: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """The coefficients of the next steps of a stack, taken in double precision and rounded once.

    Outside the compiled step, where a power would be taken anew for every few weights.

    Args:
        beta_powers: the betas to the power of the steps done, shape (K, groups, 2).
        steps: how many.
        dtype: of the parameters.

    Returns:
        `Coefficients` of each step, shape (steps, K, groups, 7), and the new `beta_powers`.
    """
    betas = torch.stack([hyper.beta1, hyper.beta2], -1)
    # a product in order, not a power: the same however the steps are cut into calls
    powers = torch.cat([beta_powers[None], betas.expand(steps, *betas.shape)]).cumprod(0)[1:]
    correction1, correction2 = (1 - powers).unbind(-1)
    exact = Coefficients(
        keep=1 - hyper.lr * hyper.weight_decay,
        step_size=hyper.lr / correction1,
        root_correction2=correction2.sqrt(),
        new1=1 - hyper.beta1,
        old2=hyper.beta2,
        new2=1 - hyper.beta2,
        eps=hyper.eps,
    )
    table = torch.stack([value.expand_as(correction1) for value in exact], -1)
    return table.to(dtype), powers[-1]


def adamw(
    param: Tensor, grad: Tensor, exp_avg: Tensor, exp_avg_sq: Tensor, c: Coefficients
) -> tuple[Tensor, Tensor, Tensor]:
    """The parameter and its two moments after one step of AdamW.

    With g the gradient and t the step:

        m <- b1 m + (1 - b1) g
        v <- b2 v + (1 - b2) g^2
        p <- (1 - lr wd) p - lr / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + eps)

    in the order of operations of ``torch.optim.AdamW``, so that both agree to rounding.

    Reference: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019).

    Args:
        param, grad, exp_avg, exp_avg_sq: one member's tensors, of one shape and dtype.
        c: of the parameter's group and this step.
    """
    exp_avg = exp_avg + (grad - exp_avg) * c.new1
    exp_avg_sq = exp_avg_sq * c.old2 + grad * grad * c.new2
    scale = exp_avg_sq.sqrt() / c.root_correction2 + c.eps
    return param * c.keep - c.step_size * (exp_avg / scale), exp_avg, exp_avg_sq
