"""Whether an optimizer keeps its contract, tried on a small parameter before anything trains."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from grok.checks.network import HopelessError, tried
from grok.errors import ConfigError
from grok.optim.coefficients import table
from grok.optim.optimizer import GROUPS, Optimizer, PlainGroup
from grok.tasks.task import same

NEEDED = ("lr_enc", "lr_dec")
"""Fields that need no default."""
SHAPE = (3, 2)
"""Of the parameter."""
STEPS = 2
"""In the second, moments count."""
RATES: dict[str, Any] = {"lr_enc": 0.1, "lr_dec": 0.1, "wd_enc": 0.3, "wd_dec": 0.3}
"""Of smaller ones, or without decay, not every mistake shows."""


def check_optimizer(opt: Optimizer) -> None:
    """Hold an optimizer against its contract, `grok.optim.Optimizer`.

    Raises:
        ConfigError: a line for each mistake, with what to do about it.
    """
    given: Any = opt
    if not isinstance(given, Optimizer):
        made = "such as Mine(lr_enc=1e-3, lr_dec=1e-3), of a subclass of Optimizer"
        raise ConfigError(f"{opt!r}: is no optimizer; pass one, {made}")
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
        yield from _step_mistakes(_at_rates(opt), name)
    except HopelessError as mistake:
        yield str(mistake)


def _at_rates(opt: Optimizer) -> Optimizer:
    """The optimizer at `RATES`, or as it is where it can't have these."""
    with contextlib.suppress(Exception):  # whatever somebody's __post_init__ may raise
        other = dataclasses.replace(opt, **RATES)
        return opt if list(other.problems()) else other
    return opt


def _step_mistakes(opt: Optimizer, name: str) -> Iterator[str]:
    """Mistakes of the first two steps of one member, taken by what a stack has in common."""

    def of(method: str, function: Any, *arguments: Any) -> Any:
        return tried(f"{name}.{method}", function, *arguments, part="opt")

    shared = of("shared", opt.shared)
    hyper = {key: value[None] for key, value in of("numbers", opt.hyper).items()}
    ones = torch.ones_like(of("rates", shared.rates, hyper))
    factors = torch.tensor(opt.lr_factors(0, STEPS), dtype=torch.float64).view(STEPS, 1, 1)
    every, _ = of("coefficients", table, shared, hyper, ones, factors, torch.float64)
    own = every[:, 0, GROUPS.index("decoder")]
    own = own[:, :-1] if opt.clip is not None else own
    draws = torch.Generator().manual_seed(0)
    param, *grads = torch.randn((1 + STEPS, *SHAPE), dtype=torch.float64, generator=draws)
    plain, moments = nn.Parameter(param.clone()), tuple(param * 0 for _ in opt.MOMENTS)
    group = PlainGroup(
        params=[plain],
        moments=[[torch.zeros_like(param)] for _ in opt.MOMENTS],
        steps=[torch.tensor(0.0)],
        lr=0.0,
        weight_decay=opt.wd_dec,
    )
    for step, grad in enumerate(grads):
        taken = (param, grad, moments, tuple(own[step]))
        before = pytree.tree_map(torch.clone, taken)
        given = of("update", shared.update, *taken)
        if not same(before, taken):
            yield f"opt: {name}.update changes what it is given in place; let it return new tensors"
            return
        if wrong := _not_a_step(given, opt.MOMENTS, param):
            yield f"opt: {name}.update {wrong}"
            return
        param, moments = given
        plain.grad, group.lr = grad.clone(), opt.lr_dec * opt.lr_factor(step)
        with torch.no_grad():
            of("plain_update", opt.plain_update, group)
    if not torch.allclose(plain, param, rtol=1e-6, atol=1e-12):
        apart = (plain - param).abs().max().item()
        yield (
            f"opt: {name}.plain_update and update differ by {apart:.2g} after {STEPS} steps; make "
            "them equal, update by what coefficients give and by nothing of its own"
        )


def _not_a_step(given: Any, names: Sequence[str], param: Tensor) -> str | None:
    """What is wrong with what `update` has given; None where it is a parameter and its moments."""
    pair = isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], tuple)
    tensors = (given[0], *given[1]) if pair else ()
    if len(tensors) != 1 + len(names) or not all(isinstance(each, Tensor) for each in tensors):
        kept = ", ".join(names) or "none: an empty tuple"
        return f"must return (param, moments), a tuple of MOMENTS ({kept})"
    for what, tensor in zip(("param", *names), tensors, strict=True):
        if tensor.shape != param.shape or tensor.dtype != param.dtype:
            return (
                f"gives {what} as {tensor.dtype} of shape {tuple(tensor.shape)} instead of "
                f"{param.dtype} of shape {SHAPE}"
            )
    return None
