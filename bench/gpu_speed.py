"""How fast stacks train on a GPU, what the card allows, and how many members its memory holds."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from gpu_check import Finding
from gpu_equal import CPU, GPU, PRECISIONS, like_training, members
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import FlopCounterMode

from grok.composing import compose
from grok.engine import sizes
from grok.engine.member import Drawn
from grok.engine.memory import Room
from grok.engine.shared import Own
from grok.engine.stack import Stack
from grok.job import make_member
from grok.tasks import Task

FIGURES = Path(__file__).resolve().parents[1] / "docs" / "figures"
SIDE = 8192
"""Of the square matrices whose product shows the card's rate."""
COPIED = 2**30
"""Bytes of the tensor whose copy shows the rate of its memory."""
ROOM = 4 * 2**30
"""Bytes that a part on memory makes do with, as if there were no more."""
STEPS, LATER = 200, 20_000
"""Steps to time; steps by which validations have become rare."""


def machine() -> Iterator[Finding]:
    """What the card is, and what it does at most."""
    found = torch.cuda.is_available()
    name = torch.cuda.get_device_name() if found else "no GPU found"
    yield Finding("a GPU", found, f"{name}, PyTorch {torch.__version__}, {os.cpu_count()} cores")
    if found:
        for dtype in PRECISIONS.values():
            rate = f"{rate_of_products(dtype) / 1e12:.1f} TFLOP/s"
            yield Finding(f"products of {dtype} without TF32", None, rate)
        yield Finding("memory, read and written", None, f"{rate_of_memory() / 1e12:.2f} TB/s")


def rate_of_products(dtype: torch.dtype) -> float:
    """Operations a second in a product of two large matrices."""
    one, other = (torch.randn(SIDE, SIDE, dtype=dtype, device=GPU) for _ in range(2))
    return 2 * SIDE**3 / seconds(lambda: torch.mm(one, other))


def rate_of_memory() -> float:
    """Bytes a second that a copy reads and writes."""
    source = torch.zeros(COPIED, dtype=torch.uint8, device=GPU)
    copy = torch.empty_like(source)
    return 2 * COPIED / seconds(lambda: copy.copy_(source))


def seconds(call: Callable[[], Any], times: int = 10) -> float:
    """Of one of several calls, after two that don't count."""
    for _ in range(2):
        call()
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(times):
        call()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / times


def speed(settings: tuple[str, ...], size: int, figure: str | None) -> Iterator[Finding]:
    """Milliseconds a step, what the card would need, and what a figure would take."""
    like_training()
    config = compose(*settings, "phase.budget=1000000")
    dtype, drawn = PRECISIONS[config.trainer.precision], []
    for i in range(sizes.fitting(size, size, GPU)):
        config.opt.lr_dec = 10 ** (-5 + 3 * min(i, size) / size)
        member = make_member(config, Path(), "check", {})
        drawn.append(member.drawn(dtype))
    stack = Stack(member.task, drawn, GPU, compiled=True)
    torch.cuda.reset_peak_memory_stats()  # which fails before anything is there
    took, first = timed(stack)
    peak = torch.cuda.max_memory_allocated() / 2**30
    numbers = (
        f"{1000 * took:.3f} ms a step, {size / took:.0f} member-steps/s, {peak:.2f} GiB, "
        f"{first:.0f} s to compile and begin; room for "
        f"{Room(member.task, drawn[0], GPU).slots(Own(each.given for each in stack.drawn).bytes)}"
    )
    yield Finding(f"{size} members, {config.trainer.precision}, compiled", stack.compiled, numbers)
    yield roofline(member.task, drawn[:size], took)
    if figure:
        block, _ = timed(Stack(member.task, drawn[: sizes.BLOCK], GPU, compiled=True))
        with (FIGURES / figure / "grid.csv").open(encoding="utf-8") as file:
            ends = [int(row["steps"]) for row in csv.DictReader(file)]
        minutes = in_all(ends, len(drawn) // sizes.BLOCK, took, block) / 60
        numbers = (
            f"{minutes:.1f} minutes for {sum(ends) / 1e6:.1f} million member-steps, and {first:.0f}"
            f" s to compile and begin; {sizes.BLOCK} members take {1000 * block:.3f} ms a step"
        )
        yield Finding(f"docs/figures/{figure}, all {len(ends)} cells", None, numbers)


def timed(stack: Stack) -> tuple[float, float]:
    """Seconds a step, and for all before."""
    began, steps = time.perf_counter(), stack.whole_epochs(STEPS)
    stack.done = [LATER] * len(stack.done)
    stack.advance(steps)
    first = time.perf_counter()
    stack.advance(2 * steps)
    return (time.perf_counter() - first) / (2 * steps), first - began


def roofline(task: Task, drawn: list[Drawn], took: float) -> Finding:
    """How near a step comes to what its products, or going once through its state, take."""
    one = drawn[0]
    if one.evaluations is not None:  # training steps alone
        one = one._replace(evaluations=[])
    stack = Stack(task, [one], CPU, compiled=False)
    steps = stack.whole_epochs(1)
    with FlopCounterMode(display=False) as counter:
        stack.advance(steps)
    operations = len(drawn) * counter.get_total_flops() / steps
    state = sum(tensor.nbytes for tensor in pytree.tree_leaves(one.state[:2]))
    products = operations / rate_of_products(one.state.norm.dtype)
    memory = 2 * len(drawn) * state / rate_of_memory()
    share = max(products, memory) / took
    numbers = (
        f"{share:.0%}: products take {1000 * products:.3f} ms ({operations / 1e9:.1f} GFLOP), "
        f"weights and moments, read and written once, {1000 * memory:.3f} ms"
    )
    return Finding("of the card's rate", None, numbers)


def in_all(ends: list[int], blocks: int, all_of_them: float, one: float) -> float:
    """Seconds of a stack whose members end after so many steps, as it shrinks by blocks.

    Args:
        blocks: of the whole stack, several.
        all_of_them, one: seconds that a step of so many takes; others lie on the line through them.
    """
    each = (all_of_them - one) / (blocks - 1)
    total, done = 0.0, 0
    for ended, end in enumerate(sorted(ends)):
        left = -(-(len(ends) - ended) // sizes.BLOCK)
        total += (end - done) * (one + each * (left - 1))
        done = end
    return total


def memory(settings: tuple[str, ...], workers: int) -> Iterator[Finding]:
    """Stacks of as many as there is room for, one for each of several workers on the GPU."""
    like_training()
    total = torch.cuda.get_device_properties(GPU).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, ROOM / total))
    task, (first, *_, other) = members(settings, "32-true")
    with mock.patch.object(torch.cuda, "mem_get_info", left):
        room = Room(task, first, GPU, workers)
    for data, last in (("the same data", first), ("data of each member's own", other)):
        size = room.slots(Own([first.given, last.given]).bytes)
        drawn = [*[first] * (size - 1), last]
        stacks = [Stack(task, drawn, GPU, compiled=True) for _ in range(workers)]
        for stack in stacks:
            stack.advance(stack.whole_epochs(1))
        yield Finding(f"as many as there is room for, with {data}", True, used(size, workers))
        del stack, stacks


def left(_device: Any = None) -> tuple[int, int]:
    """Bytes of `ROOM` that aren't taken, and all."""
    return ROOM - torch.cuda.memory_reserved(), ROOM


def used(size: int, workers: int) -> str:
    """How many members, and the most that has been taken so far."""
    peaks = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
    taken, held = (peak / 2**30 for peak in peaks)
    room = f"{taken:.2f} GiB at most, {held:.2f} held, of {ROOM / 2**30:.0f}"
    return f"{workers} of {size} members; {room}"
