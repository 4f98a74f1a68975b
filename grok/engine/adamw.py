"""AdamW as a plain function of its state."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Hyper(NamedTuple):
    """One parameter group's hyperparameters, float64 scalars (a stack's have shape (K,)).

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


def coefficients(hyper: Hyper, step: Tensor, dtype: torch.dtype) -> Coefficients:
    """The coefficients of step number `step` (from 1, integer scalar), rounded to `dtype` once."""
    exact = (
        1 - hyper.lr * hyper.weight_decay,
        hyper.lr / (1 - hyper.beta1**step),
        (1 - hyper.beta2**step).sqrt(),
        1 - hyper.beta1,
        hyper.beta2,
        1 - hyper.beta2,
        hyper.eps,
    )
    return Coefficients(*(value.to(dtype) for value in exact))


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
