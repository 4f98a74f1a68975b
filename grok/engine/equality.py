"""Whether a task's members train in a stack as they do alone, for `grok.check_task`."""

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

BUDGET = 100_000
"""Of the members; only the first steps are taken."""


def unequal(task: Task) -> Iterable[str]:
    """A line if members of a stack of three don't end as each does alone, on the plain path."""
    rule = PhaseRule(0.9, 0.0, BUDGET, 1000, True)
    members = [
        Member(Path(str(i)), task, AdamW(lr_enc=lr, lr_dec=lr, wd_dec=1.0), rule, Seed(i, i))
        for i, lr in enumerate((1e-3, 3e-4, 1e-4))
    ]
    drawn = [member.drawn(torch.float64) for member in members]
    cpu = torch.device("cpu")
    alone = [Stack(task, [each], cpu, compiled=False, plain=True) for each in drawn]
    if task.STACKABLE:
        stack = Stack(task, drawn, cpu, compiled=False)
        stack.advance(stack.whole_epochs(20))
        stacked = [stack.weights(slot) for slot in range(len(drawn))]
    else:
        stacked = [
            _in_turn(Stack(task, [drawn[i - 1]], cpu, False, plain=True), drawn[i])
            for i in range(3)
        ]
    for solo, weights in zip(alone, stacked, strict=True):
        solo.advance(solo.whole_epochs(20))
        for name, tensor in solo.weights(0).items():
            if not torch.allclose(weights[name], tensor, rtol=1e-6, atol=1e-9, equal_nan=True):
                yield (
                    f"task: after 20 steps {name} isn't the same in a stack and alone; the "
                    "network, loss or correctness keeps something from one call to the next"
                )
                return


def _in_turn(stack: Stack, drawn: Drawn) -> dict[str, Tensor]:
    """Weights after 20 steps of a member that takes the place of another."""
    stack.advance(stack.whole_epochs(20))
    stack.put(0, drawn)
    stack.advance(stack.whole_epochs(20))
    return stack.weights(0)
