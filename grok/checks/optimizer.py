"""Whether an optimizer keeps its contract, tried on a small parameter before anything trains."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from grok.checks.network import HopelessError, tried
from grok.errors import ConfigError
from grok.optim.coefficients import table
from grok.optim.optimizer import GROUPS, Optimizer, PlainGroup

NEEDED = ("lr_enc", "lr_dec")
"""Fields that need no default."""
SHAPE = (3, 2)
"""Of the parameter."""


def check_optimizer(opt: Optimizer) -> None:
    """Hold an optimizer against its contract, `grok.optim.Optimizer`.

    Raises:
        ConfigError: a line for each mistake, with what to do about it.
    """
    if found := list(mistakes(opt)):
        raise ConfigError(*found)


def mistakes(opt: Optimizer) -> Iterator[str]:
    """A line for each departure from the contract, none after one that leaves nothing to try."""
    name = type(opt).__name__
    for each in dataclasses.fields(opt):
        lacks = each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
        if lacks and each.name not in NEEDED:
            yield f"opt: {name}.{each.name} has no default; give it one, which a stack starts from"
            return
    try:
        yield from _step_mistakes(opt, name)
    except HopelessError as mistake:
        yield str(mistake)


def _step_mistakes(opt: Optimizer, name: str) -> Iterator[str]:
    """Mistakes of the first step of one member."""

    def of(method: str, function: Any, *arguments: Any) -> Any:
        return tried(f"{name}.{method}", function, *arguments, part="opt")

    hyper = {key: value[None] for key, value in of("numbers", opt.hyper).items()}
    rates = of("rates", opt.rates, hyper)
    factors = torch.tensor(opt.lr_factors(0, 1), dtype=torch.float64).view(1, 1, 1)
    every, _ = of("coefficients", table, opt, hyper, torch.ones_like(rates), factors, torch.float64)
    own = every[0, 0, GROUPS.index("decoder")]
    own = own[:-1] if opt.clip is not None else own
    draws = torch.Generator().manual_seed(0)
    param, grad = (torch.randn(SHAPE, dtype=torch.float64, generator=draws) for _ in range(2))
    moments = tuple(torch.zeros_like(param) for _ in opt.MOMENTS)
    given = of("update", opt.update, param, grad, moments, tuple(own))
    if not _is_step(given, len(moments)):
        kept = ", ".join(opt.MOMENTS) or "none: an empty tuple"
        yield f"opt: {name}.update must return (param, moments), a tuple of MOMENTS ({kept})"
        return
    for what, tensor in zip(("param", *opt.MOMENTS), (given[0], *given[1]), strict=True):
        if tensor.shape != param.shape or tensor.dtype != param.dtype:
            yield (
                f"opt: {name}.update gives {what} as {tensor.dtype} of shape "
                f"{tuple(tensor.shape)} instead of {param.dtype} of shape {SHAPE}"
            )
            return
    plain = nn.Parameter(param.clone())
    plain.grad = grad.clone()
    group = PlainGroup(
        params=[plain],
        moments=[[torch.zeros_like(param)] for _ in opt.MOMENTS],
        steps=[torch.tensor(0.0)],
        lr=opt.lr_dec * opt.lr_factor(0),
        weight_decay=opt.wd_dec,
    )
    with torch.no_grad():
        of("plain_update", opt.plain_update, group)
    if not torch.allclose(plain, given[0], rtol=1e-6, atol=1e-12):
        apart = (plain - given[0]).abs().max().item()
        both = f"{name}.plain_update and update"
        yield f"opt: {both} differ by {apart:.2g} in a step; make them equal"


def _is_step(given: Any, moments: int) -> bool:
    """Whether `update` has given a parameter and so many moments."""
    if not (isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], tuple)):
        return False
    return len(given[1]) == moments and all(isinstance(x, Tensor) for x in (given[0], *given[1]))
