"""Whether members train in a stack, or go on, as they do alone, for `grok.check_task`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from grok.engine.member import Drawn, Member
from grok.engine.stack import Stack
from grok.optim import AdamW
from grok.schema import PhaseRule, Seed
from grok.tasks import Task

CPU = torch.device("cpu")
BUDGET = 100_000
"""Of the members; only the first steps are taken."""
STEPS = 20


def unequal(task: Task) -> Iterable[str]:
    """A line if members don't end as each does alone on the plain path, without a break.

    Those of a stack of three, and one that goes on from a checkpoint halfway.
    """
    rule = PhaseRule(0.9, 0.0, BUDGET, 1000, True)
    members = [
        Member(Path(str(i)), task, AdamW(lr_enc=lr, lr_dec=lr, wd_dec=1.0), rule, Seed(i, i))
        for i, lr in enumerate((1e-3, 3e-4, 1e-4))
    ]
    drawn = [member.drawn(torch.float64) for member in members]
    ends = [_ended(_stack(task, each)) for each in drawn]
    if task.STACKABLE:
        stack = Stack(task, drawn, CPU, compiled=False)
        stack.advance(stack.whole_epochs(STEPS))
        others = [stack.weights(slot) for slot in range(len(drawn))]
    else:
        others = [_in_turn(_stack(task, drawn[i - 1]), drawn[i]) for i in range(3)]
    for end, other in zip(ends, others, strict=True):
        if name := _another(end, other):
            yield (
                f"task: after {STEPS} steps {name} isn't the same in a stack and alone; the "
                "network, loss or correctness keeps something from one call to the next"
            )
            return
    if name := _another(ends[0], _gone_on(task, drawn[0])):
        yield (
            f"task: after {STEPS} steps {name} isn't the same once it has gone on from a "
            "checkpoint; the network, loss or correctness keeps something from one call to the next"
        )


def _stack(task: Task, drawn: Drawn) -> Stack:
    return Stack(task, [drawn], CPU, compiled=False, plain=True)


def _ended(stack: Stack) -> dict[str, Tensor]:
    """Weights of the member in the first slot after its steps."""
    stack.advance(stack.whole_epochs(STEPS) - stack.done[0])
    return stack.weights(0)


def _in_turn(stack: Stack, drawn: Drawn) -> dict[str, Tensor]:
    """Those of a member that takes the place of another."""
    _ended(stack)
    stack.put(0, drawn)
    return _ended(stack)


def _gone_on(task: Task, drawn: Drawn) -> dict[str, Tensor]:
    """Those of a member that goes on where another stack has stopped."""
    first, then = _stack(task, drawn), _stack(task, drawn)
    first.advance(first.whole_epochs(STEPS // 2))
    if first.done[0] < first.whole_epochs(STEPS):
        (state,) = first.states([0])
        then.restore(0, state, first.done[0])
    return _ended(then)


def _another(weights: dict[str, Tensor], others: dict[str, Tensor]) -> str | None:
    """The name of a tensor that differs by more than rounding."""
    for name, tensor in weights.items():
        if not torch.allclose(others[name], tensor, rtol=1e-6, atol=1e-9, equal_nan=True):
            return name
    return None
