"""What a GPU has to give: the uncompiled step's numbers, to rounding or to the bit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from gpu_check import Finding
from torch import Tensor
from torch.utils import _pytree as pytree

from grok.composing import compose
from grok.engine import sizes
from grok.engine import stack as stack_module
from grok.engine.member import Drawn
from grok.engine.observer import VALIDATION
from grok.engine.replay import Replay
from grok.engine.stack import Stack
from grok.job import make_member, setup
from grok.tasks import Task

CPU, GPU = torch.device("cpu"), torch.device("cuda")
PRECISIONS = {"64-true": torch.float64, "32-true": torch.float32}
STEPS = 20
ALLOWED = {"64-true": 1e-9, "32-true": 0.1}
"""Share of the way from the initial weights. AdamW makes a whole step even of a gradient that is
nothing but rounding: initial weights off by one rounding end 1e-13 of the way apart in double
precision, and up to 0.02 in single (modular addition)."""

Chapters = dict[str, Any]
"""What a stack has measured and come to by the end of each chapter of its life, on the CPU."""


def members(settings: tuple[str, ...], precision: str) -> tuple[Task, list[Drawn]]:
    """Three with the same data, and one with other data; seeds, rates and decays all differ."""
    config = compose(*settings, f"trainer.precision={precision}", "phase.budget=1000000")
    drawn, seed = [], config.seed.model
    for i, rate in enumerate((1e-4, 1e-3, 3e-3, 3e-4)):
        config.opt.lr_dec, config.opt.wd_dec, config.seed.model = rate, float(i), seed + i
        config.seed.data += i == 3
        member = make_member(config, Path(), "check", {})
        drawn.append(member.drawn(PRECISIONS[precision]))
    return member.task, drawn


def like_training() -> None:
    """PyTorch as a training run on a GPU has it."""
    torch.use_deterministic_algorithms(True, warn_only=True)


@contextlib.contextmanager
def uncaptured() -> Iterator[None]:
    """Steps are called as they are, not replayed."""
    with mock.patch.object(stack_module, "_without_python", lambda step, *_: step):
        yield


def life(stack: Stack, waiting: Drawn) -> Chapters:
    """Three members train, another takes the place of the second, two of them go on."""
    chapters = {}

    def train(name: str) -> None:
        metrics, _ = stack.advance(stack.whole_epochs(STEPS))
        told = {"metrics": metrics, "state": stack.state._asdict()}
        chapters[name] = pytree.tree_map(lambda tensor: tensor.to("cpu", copy=True), told)

    train("trained")
    stack.put(1, waiting)
    train("refilled")
    stack.keep([2, 0])
    train("shrunk")
    return chapters


def arithmetic(settings: tuple[str, ...], precision: str) -> Iterator[Finding]:
    """The same steps in all ways, from uncompiled on the CPU to captured in a stack of one."""
    like_training()
    task, (*first, waiting) = members(settings, precision)
    stack = Stack(task, first, GPU, compiled=True)
    captured = life(stack, waiting)
    sound = stack.compiled and isinstance(stack._step, Replay)
    yield Finding("the step compiles, passes its check and is captured", sound)
    with uncaptured():
        called = life(Stack(task, first, GPU, compiled=True), waiting)
    yield same("captured = compiled", captured, called)
    yield same("run twice", captured, life(Stack(task, first, GPU, compiled=True), waiting))
    uncompiled = life(Stack(task, first, GPU, compiled=False), waiting)
    reference = life(Stack(task, first, CPU, compiled=False), waiting)
    start = [drawn.state.params for drawn in first]
    weights = [each["trained"]["state"]["params"] for each in (captured, uncompiled, reference)]
    allowed = ALLOWED[precision]
    yield near("compiled = uncompiled", weights[0], weights[1], start, allowed)
    yield near("uncompiled = on the CPU", weights[1], weights[2], start, allowed)
    alone = []
    for drawn in first:
        solo = Stack(task, [drawn], GPU, compiled=True)
        solo.advance(solo.whole_epochs(STEPS))
        alone.append({name: tensor[0].cpu() for name, tensor in solo.state.params.items()})
    solos = {name: torch.stack([each[name] for each in alone]) for name in alone[0]}
    yield near("stack = solo", weights[0], solos, start, allowed)


def among_others(settings: tuple[str, ...], precision: str) -> Iterator[Finding]:
    """The members of a stack's second block, and the same by themselves."""
    like_training()
    task, (*first, _) = members(settings, precision)
    drawn = [first[slot % len(first)] for slot in range(2 * sizes.BLOCK)]
    told = []
    for slots in (2 * sizes.BLOCK, sizes.BLOCK):
        stack = Stack(task, drawn[-slots:], GPU, compiled=True)
        metrics, _ = stack.advance(stack.whole_epochs(STEPS))
        block = {name: values[:, -sizes.BLOCK :] for name, values in metrics.items()}
        states = stack.states(range(slots - sizes.BLOCK, slots))
        told.append({"trained": {"metrics": block, "state": states}})
    yield same(f"{sizes.BLOCK} members = the same beside {sizes.BLOCK} others", *told)


def same(claim: str, one: Chapters, other: Chapters) -> Finding:
    """Whether two lives are equal to the bit; if not, the largest difference and where."""
    for chapter in one:
        pairs = zip(*(pytree.tree_leaves(each[chapter]) for each in (one, other)), strict=True)
        gaps = [_gap(a, b) for a, b in pairs]
        if max(gaps) > 0:
            numbers = f"differs by {max(gaps):.0e} once {chapter}"
            return Finding(f"{claim}, to the bit", False, numbers)
    return Finding(f"{claim}, to the bit", True, f"{', '.join(one)}, {STEPS} steps or more each")


def _gap(one: Tensor, other: Tensor) -> float:
    """The largest difference of two tensors; 0 where both are nan, or the same infinity."""
    alike = (one == other) | (one.isnan() & other.isnan())
    gap = (one - other).abs().nan_to_num(nan=torch.inf).masked_fill(alike, 0)
    return float(gap.max())


def near(
    claim: str, one: dict[str, Tensor], other: dict[str, Tensor], start: list[Any], allowed: float
) -> Finding:
    """Whether two stacks' weights differ by no more than a share of the way that they have gone."""
    found = []
    for slot, initial in enumerate(start):
        apart = sum((one[name][slot] - other[name][slot]).square().sum().item() for name in other)
        way = sum((other[name][slot] - initial[name]).square().sum().item() for name in other)
        found.append((apart / way) ** 0.5)
    if max(found) == 0:
        return Finding(claim, True, "to the bit")
    holds = max(found) <= allowed  # False for nan
    return Finding(claim, holds, f"{max(found):.0e} of the way, {allowed:.0e} allowed")


MEASURES = [
    (("task=toy_regression",), "rqi,messiness,embeddings,distance,gradient_norm,group_norms"),
    (("task=modular", "task.p=11"), "fourier,fourier_losses,distance,gradient_norm,group_norms"),
    (("task=qm9",), "distance,gradient_norm,group_norms"),
]


def measured() -> Iterator[Finding]:
    """All measures of three members at once on the GPU, and one by one on the CPU."""
    like_training()
    for settings, names in MEASURES:
        config = compose(*settings, "trainer.precision=64-true", f"measures=[{names}]")
        task, (*first, _) = members(settings, "64-true")
        measures = setup(config).measures
        mapped = Stack(task, first, GPU, compiled=False, measures=measures)
        mapped.advance(mapped.whole_epochs(STEPS))
        single = Stack(task, first, CPU, compiled=False, measures=measures)
        for slot, state in enumerate(mapped.states(range(3))):
            single.restore(slot, state, mapped.done[slot])
        scheduled = [VALIDATION] if first[0].evaluations is not None else []
        for name in [*measures, *scheduled]:
            gap = max(
                _relative(mine, theirs)
                for one, other in zip(
                    mapped.observer.take(name, [0, 1, 2], 0),
                    single.observer.take(name, [0, 1, 2], 0),
                    strict=True,
                )
                for mine, theirs in zip(one.values.values(), other.values.values(), strict=True)
            )
            claim = f"{config.task._target_.rpartition('.')[2]}: {name or 'validation'} = the CPU's"
            yield Finding(claim, gap <= 1e-9, f"{gap:.0e}, 1e-09 allowed")


def _relative(one: Tensor, other: Tensor) -> float:
    """The largest difference, as a share of the largest number."""
    return float((one.cpu() - other).abs().max() / other.abs().max().clamp(min=1e-300))


def plain(settings: tuple[str, ...]) -> Iterator[Finding]:
    """A member on the plain path, here and on the CPU."""
    like_training()
    task, (_, drawn, *_) = members(settings, "32-true")
    weights = []
    for device in (GPU, CPU):
        stack = Stack(task, [drawn], device, compiled=False, plain=True)
        stack.advance(stack.whole_epochs(4))
        weights.append({name: tensor.cpu() for name, tensor in stack.state.params.items()})
    start = [drawn.state.params]
    yield near("plain path = the CPU's", *weights, start, ALLOWED["32-true"])
