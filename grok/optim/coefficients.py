"""Coefficients of the next steps of a stack, and gradients clipped before they are used."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from grok.optim.optimizer import Optimizer


def table(
    opt: Optimizer, hyper: dict[str, Tensor], powers: Tensor, factors: Tensor, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """The coefficients of the next steps of a stack, taken in double precision and rounded once.

    Outside the compiled step, where a power would be taken anew for every few weights.

    Args:
        opt: of any member.
        powers: of `Optimizer.rates` to the number of steps done, shape (K, groups, n).
        factors: of the learning rates in each step, shape (steps, K, 1).
        dtype: of the parameters.

    Returns:
        Coefficients of each step, shape (steps, K, groups, n), where gradients are clipped with
        the norm to clip at as the last, and the new `powers`.
    """
    rates = opt.rates(hyper)
    # a product in order, not a power: the same however the steps are cut into calls
    each = torch.cat([powers[None], rates.expand(len(factors), *rates.shape)]).cumprod(0)[1:]
    lr = hyper["lr"] * factors
    exact = opt.coefficients(lr, hyper, each)
    if opt.clip is not None:
        exact = (*exact, hyper["clip"])
    return torch.stack([value.expand_as(lr) for value in exact], -1).to(dtype), each[-1]


def total_norm(tensors: Iterable[Tensor]) -> Tensor:
    """L2 norm of tensors together, a scalar."""
    return torch.stack([tensor.square().sum() for tensor in tensors]).sum().sqrt()


def clipped(grads: dict[str, Tensor], norm: Tensor) -> dict[str, Tensor]:
    """Gradients scaled down together to the L2 norm, as ``clip_grad_norm_`` does it."""
    scale = (norm / (total_norm(grads.values()) + 1e-6)).clamp(max=1.0)
    return {name: grad * scale for name, grad in grads.items()}
