"""Steps of a stack that are taken again: those left behind, and those that failed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from grok.engine.stack import Stack
from grok.engine.step import State, Tensors


def revisited(
    stack: Stack, copy: State, done: list[int], wanted: Mapping[int, Collection[int]]
) -> dict[tuple[int, int], Tensors]:
    """Parameters and constants of members at steps that they have left behind.

    Takes the steps again, so that those between cost nothing where nobody asks. The stack is
    afterwards as it was.

    Args:
        stack: whose last `Stack.advance` is taken again.
        copy: of the state that it began with.
        done: in each slot by then.
        wanted: slots to steps since then, or that one.

    Returns:
        Slot and step to tensors by name, on the CPU.
    """
    found: dict[tuple[int, int], Tensors] = {}
    now, steps = (stack.copied(), stack.done), stack.done[0] - done[0]

    due = {step - done[slot] - 1 for slot, asked in wanted.items() for step in asked}

    def after(i: int) -> None:
        for slot, asked in wanted.items():
            if (step := done[slot] + i + 1) in asked:
                found[slot, step] = stack.weights(slot)

    stack.go_back(copy, done)
    after(-1)
    stack.stepped(steps, max(due) + 1, due, after)
    stack.go_back(*now)
    return found


def failures(stack: Stack, steps: int) -> dict[int, Exception]:
    """The slots that can't take the next steps, tried one by one and uncompiled, and why."""
    found: dict[int, Exception] = {}
    for slot, state in enumerate(stack.states(range(len(stack.done)))):
        drawn, measures = stack.drawn[slot], stack.observer.measures
        alone = Stack(stack.kind.task, [drawn], stack.device, False, measures=measures)
        alone.restore(0, state, stack.done[slot])
        try:
            alone.advance(steps)
        except Exception as error:
            found[slot] = error
    return found
