"""Whether a GPU trains as the CPU does, and how fast; some minutes.

python bench/gpu.py
"""

import time
from pathlib import Path

import torch
from torch import Tensor

from grok.composing import compose
from grok.engine.memory import capacity
from grok.engine.stack import Stack
from grok.job import make_member
from grok.training import quieten

CPU, GPU = torch.device("cpu"), torch.device("cuda")
PRECISIONS = {"64-true": torch.float64, "32-true": torch.float32}
RATES = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2]
SMALL = {
    "toy regression, float64": ["task=toy_regression", "trainer.precision=64-true"],
    "MNIST, float32": ["task=mnist", "trainer.precision=32-true"],
    "modular addition, p = 31, float64": ["task=modular", "task.p=31"],
}
LARGE = {
    "toy regression, float32": (441, ["task=toy_regression"]),
    "MNIST, float32": (100, ["task=mnist", "trainer.precision=32-true"]),
    "modular addition, p = 113, float32": (8, ["task=modular", "trainer.precision=32-true"]),
}
STEPS = 20

Trained = tuple[Tensor, list[dict[str, Tensor]]]
"""Train losses of the steps, shape (steps, K), and the weights after them."""


def stack(settings: list[str], rates: list[float], device: torch.device, compiled: bool) -> Stack:
    """Members of these learning rates."""
    config = compose(*settings, "phase.budget=1000000")
    drawn = []
    for rate in rates:
        config.opt.lr_dec = rate
        member = make_member(config, Path(), "bench", {})
        drawn.append(member.drawn(PRECISIONS[config.trainer.precision]))
    return Stack(member.task, drawn, device, compiled)


def trained(
    settings: list[str], rates: list[float], device: torch.device, compiled: bool
) -> Trained:
    them = stack(settings, rates, device, compiled)
    metrics, _ = them.advance(them.whole_epochs(STEPS))
    return metrics["train_loss"], [them.weights(slot) for slot in range(len(rates))]


def difference(one: Trained, other: Trained) -> str:
    """The largest relative differences of the losses and of the weights, of members in both."""
    members = min(len(one[1]), len(other[1]))
    loss = (one[0][:, :members] / other[0][:, :members] - 1).abs().max().item()
    weights = max(
        ((mine[name] - theirs[name]).norm() / theirs[name].norm()).item()
        for mine, theirs in zip(one[1], other[1], strict=False)
        for name in theirs
    )
    return f"losses {loss:.0e}, weights {weights:.0e}"


def arithmetic() -> None:
    """The same steps in several ways, from uncompiled on the CPU to captured in a small stack."""
    print(f"largest relative differences in {STEPS} steps of {len(RATES)} members")
    for name, settings in SMALL.items():
        reference = trained(settings, RATES, CPU, False)
        captured = trained(settings, RATES, GPU, True)
        ways = {
            "uncompiled, from the CPU": (trained(settings, RATES, GPU, False), reference),
            "captured, from the CPU": (captured, reference),
            "captured, run twice": (trained(settings, RATES, GPU, True), captured),
            "captured, in a stack of two": (trained(settings, RATES[:2], GPU, True), captured),
        }
        print(name)
        for way, pair in ways.items():
            print(f"  {way:28s} {difference(*pair)}", flush=True)


def speed() -> None:
    """Large stacks: milliseconds a step, memory, and how many members would fit."""
    for name, (size, settings) in LARGE.items():
        torch.cuda.reset_peak_memory_stats()
        them = stack(settings, [10 ** (-5 + 3 * i / size) for i in range(size)], GPU, True)
        steps = them.whole_epochs(200)
        began = time.perf_counter()
        them.advance(steps)
        first = time.perf_counter()
        them.advance(2 * steps)
        took = time.perf_counter() - first
        peak = torch.cuda.max_memory_allocated() / 2**30
        print(
            f"{name}, {size} members: {500 * took / steps:.3f} ms a step, "
            f"{first - began:.0f} s to compile and for the first {steps}, {peak:.2f} GiB; "
            f"room for {capacity(them.kind.task, them.drawn[0], GPU)}",
            flush=True,
        )


def main() -> None:
    """Print both."""
    if not torch.cuda.is_available():
        raise SystemExit("error: no GPU found here")
    quieten()
    torch.use_deterministic_algorithms(True, warn_only=True)  # as a training run does
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}")
    arithmetic()
    speed()


if __name__ == "__main__":
    main()
