"""Learning rates over time, as factors of those configured."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable


def _power(base: float, exponent: float) -> float:
    """A power that is infinite where it is too large; a run whose learning rate is, diverges."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return math.inf


SCHEDULES: dict[str, Callable[[int, float, float], float]] = {
    "constant": lambda step, period, gamma: 1.0,
    "step": lambda step, period, gamma: _power(gamma, step // period),
    "cosine": lambda step, period, gamma: (
        gamma + (1 - gamma) * (1 + math.cos(math.pi * min(step / period, 1))) / 2
    ),
}
"""The factor after so many steps, given the period and gamma (see `grok.optim.Optimizer`)."""


def factor(warmup: int, schedule: str, period: int | None, gamma: float, step: int) -> float:
    """The factor after so many steps; that of the first is 1 / `warmup`.

    As ``torch.optim.lr_scheduler.LambdaLR`` would use it, stepped after each optimizer step.
    """
    warm = min((step + 1) / warmup, 1.0) if warmup else 1.0
    return warm * SCHEDULES[schedule](step, period or 1, gamma)


@functools.lru_cache(maxsize=1024)  # members mostly share their schedule
def factors(
    warmup: int, schedule: str, period: int | None, gamma: float, done: int, steps: int
) -> tuple[float, ...]:
    """`factor` of each of the `steps` after `done`."""
    return tuple(factor(warmup, schedule, period, gamma, done + i) for i in range(steps))
