"""Holds a compiled step against the arithmetic that it was compiled from.

A compiler may be wrong without a word: what PyTorch 2.11 compiles for a CPU computes stacks of
several members wrongly. Such a stack goes on uncompiled, with the right numbers, slower.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from grok.engine.step import Given, Kind, Moved, State, Tensors, differentiated, measured, updated
from grok.tasks import Batch, samples
from grok.tasks.model import Model

Tree = TypeVar("Tree")
TRIES = 4
"""Times that a step which doesn't agree is tried again, from weights a little way off."""
NUDGE = 1e-3
"""That way, as a share of each weight at most."""


def upheld(
    step: Callable[..., Tensor],
    agree: Callable[..., Tensor],
    before: State,
    after: Moved,
    metrics: Tensor,
    *arguments: Any,
) -> Tensor:
    """Whether a stack's step did what `member_step` does with each member, but for rounding.

    Rounding decides on which side of a ReLU's kink a number beside it lies, and so whether a sample
    counts in a gradient. So where a member doesn't agree, the step is tried from weights a little
    way off, where other numbers lie beside a kink. One that is compiled wrongly is wrong there too.

    Args:
        step: advances a stack in place, and measures it.
        agree: `agreement`, of each member.
        before, after, metrics: of a stack; see `agreement`.
        arguments: of the step and of `agree` besides.

    Returns:
        Boolean of shape (2,): the weights and moments, and the metrics.
    """
    every = agree(before, after, metrics, *arguments)
    for seed in range(TRIES):
        if every.all():
            break
        start = _nudged(before, seed)
        state = pytree.tree_map(torch.clone, start)
        metrics = step(state, *arguments)
        every = every | agree(start, state[:2], metrics, *arguments)
    return every.all(0)


def _nudged(state: State, seed: int) -> State:
    draws = torch.Generator().manual_seed(seed)

    def nudged(param: Tensor) -> Tensor:
        way = 2 * torch.rand(param.shape[1:], generator=draws) - 1
        return param * (1 + NUDGE * way).to(param)

    return state._replace(params={name: nudged(param) for name, param in state.params.items()})


def agreement(
    kind: Kind,
    model: Model,
    before: State,
    after: Moved,
    metrics: Tensor,
    coefficients: Tensor,
    batch: Batch,
    given: Given,
) -> Tensor:
    """Whether a step of one member did what `member_step` does, but for rounding.

    Gradients may differ by what rounding makes of them. An optimizer that divides by their size
    makes a whole step of a gradient that is nothing but rounding, so weights have to lie between
    those that gradients a little smaller and a little larger would give. What is measured after
    the update is compared at the weights that the step gave.

    Args:
        before: what the step started from.
        after, metrics: what it gave; see `member_step`, as for the other arguments.

    Returns:
        Boolean of shape (2,): the weights and moments, and the metrics.
    """
    batch = (batch or given.train) | given.fixed
    grads, loss, right = differentiated(kind, model, before.params, given.constants, batch)
    unit = torch.finfo(loss.dtype).eps
    rounding = _rounding(kind, model, before.params, given.constants, batch, grads)
    largest = torch.stack([gradient.abs().max() for gradient in grads.values()]).max()
    margins = {
        name: unit**0.5 * gradient.abs().max() + unit**0.75 * largest + 16 * rounding[name]
        for name, gradient in grads.items()
    }
    hull = [
        updated(
            kind,
            before,
            {name: gradient + side * margins[name] for name, gradient in grads.items()},
            coefficients,
        )
        for side in (-1, 0, 1)
    ]
    off = _off(hull[1], updated(kind, *_otherwise((before, grads, coefficients))))
    moved = pytree.tree_map(functools.partial(_between, 32 * unit), after, before[:2], off, *hull)
    expected = measured(kind, model, after[0], loss, right, given)
    counted = [samples(part) if part else 0 for part in (batch, given.val)]
    near = (metrics - expected).abs() <= _allowed(expected, unit, counted)
    # what follows from a loss that isn't finite may be anything
    finite = torch.stack([expected[i].isfinite() for i in (0, 0, 2, 2, 4)])
    return torch.stack([torch.stack(pytree.tree_leaves(moved)).all(), (near | ~finite).all()])


def _rounding(
    kind: Kind, model: Model, params: Tensors, constants: Tensors, batch: Batch, grads: Tensors
) -> Tensors:
    """How far rounding takes each gradient at most, a scalar each.

    Where a network has nearly fitted its samples, gradients are differences of nearly equal
    numbers, and little else than rounding.
    """
    others, *_ = differentiated(kind, model, *_otherwise((params, constants, batch)))
    return _off(grads, others)


def _off(tree: Tree, others: Tree) -> Tree:
    """How far rounding takes each tensor at most, a scalar each: as the other precision tells."""

    def off(tensor: Tensor, other: Tensor) -> Tensor:
        share = torch.finfo(tensor.dtype).eps / torch.finfo(torch.float32).eps
        return share * (other.to(tensor.dtype) - tensor).abs().max()

    rounded: Tree = pytree.tree_map(off, tree, others)
    return rounded


def _otherwise(tree: Tree) -> Tree:
    """The same in the other precision."""
    other: Tree = pytree.tree_map(
        lambda tensor: tensor.to(_other(tensor.dtype)) if tensor.is_floating_point() else tensor,
        tree,
    )
    return other


def _other(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype == torch.float64 else torch.float64


def _allowed(expected: Tensor, unit: float, counted: Sequence[int]) -> Tensor:
    """How far metrics may be off: losses and norm by half their digits, counts by a hundredth."""
    counts = [0, 1 + counted[0] / 100, 0, 1 + counted[1] / 100, 0]
    of_counts = torch.tensor(counts, dtype=expected.dtype, device=expected.device)
    allowed: Tensor = unit**0.5 * (1 + expected.abs()) + of_counts
    return allowed


def _between(
    rounding: float, value: Tensor, before: Tensor, off: Tensor, *bounds: Tensor
) -> Tensor:
    """Whether all elements lie between the bounds; what isn't finite there may be anything.

    An extremum may lie between the bounds, the square of a gradient around 0 for one, so there is
    as much room again on either side.

    Args:
        rounding: as a share of the numbers that are compared.
        off: how far those that they are differences of take it besides.
    """
    low, high = (functools.reduce(pick, bounds) for pick in (torch.minimum, torch.maximum))
    room = high - low + rounding * (low.abs() + high.abs() + before.abs()) + 16 * off
    sound = (value >= low - room) & (value <= high + room)
    return (sound | ~room.isfinite()).all()
