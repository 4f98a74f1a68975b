"""AdamW as a plain function of its state."""

from __future__ import annotations

from typing import NamedTuple

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


def adamw(
    param: Tensor, grad: Tensor, exp_avg: Tensor, exp_avg_sq: Tensor, step: Tensor, hyper: Hyper
) -> tuple[Tensor, Tensor, Tensor]:
    """The parameter and its two moments after one step of AdamW.

    With g the gradient and t the step:

        m <- b1 m + (1 - b1) g
        v <- b2 v + (1 - b2) g^2
        p <- (1 - lr wd) p - lr / (1 - b1^t) m / (sqrt(v / (1 - b2^t)) + eps)

    in the order of operations of ``torch.optim.AdamW``, so that both agree to rounding.

    Reference: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019).

    Args:
        param, grad, exp_avg, exp_avg_sq: one member's tensors, of one shape and dtype.
        step: number of this step, from 1; integer scalar.
        hyper: scalars of the parameter's group.
    """
    dtype = param.dtype
    root_correction2 = (1 - hyper.beta2**step).sqrt().to(dtype)
    step_size = (hyper.lr / (1 - hyper.beta1**step)).to(dtype)
    keep = (1 - hyper.lr * hyper.weight_decay).to(dtype)
    exp_avg = exp_avg + (grad - exp_avg) * (1 - hyper.beta1).to(dtype)
    exp_avg_sq = exp_avg_sq * hyper.beta2.to(dtype) + grad * grad * (1 - hyper.beta2).to(dtype)
    scale = exp_avg_sq.sqrt() / root_correction2 + hyper.eps.to(dtype)
    return param * keep - step_size * (exp_avg / scale), exp_avg, exp_avg_sq
