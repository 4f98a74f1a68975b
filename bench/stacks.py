"""Members as a command configures them, and stacks of equal ones, whose steps alone are timed."""

import functools
from pathlib import Path

import numpy as np
import torch

from grok.composing import compose
from grok.engine import Member
from grok.engine.stack import Stack
from grok.job import make_member
from grok.tasks.task import dtype_of


@functools.cache
def dtype(*overrides: str) -> torch.dtype:
    return dtype_of(compose(*overrides).trainer.precision)


@functools.cache
def member(*overrides: str) -> Member:
    return make_member(compose(*overrides), Path(), "bench", {})


@functools.cache
def stack(size: int, *overrides: str) -> Stack:
    """A stack that is validated only where that is part of each step."""
    one = member(*overrides)
    drawn = one.drawn(dtype(*overrides))
    if drawn.evaluations is not None:
        drawn = drawn._replace(evaluations=np.array([], dtype=np.int64))
    plain = not one.task.STACKABLE
    return Stack(one.task, [drawn] * size, torch.device("cpu"), compiled=True, plain=plain)


def train(size: int, steps: int, *overrides: str) -> None:
    """Take so many steps, or as many more as whole epochs take."""
    of_size = stack(size, *overrides)
    of_size.advance(of_size.whole_epochs(steps))
