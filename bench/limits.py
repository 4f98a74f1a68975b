"""How near a step comes to what the processor can do: its products, by several libraries, and it.

    python bench/limits.py [toy_regression ...]

Every way takes as long as is printed for the matrix products of one step of one member, at the
shapes of that step: multiply-adds in registers and nothing else, which is the peak; the library
that PyTorch calls (MKL on Intel's and AMD's processors), oneDNN, NumPy's OpenBLAS and the engine's
own; and the step as a whole, with validation where it is part of each.
"""

import argparse
import ctypes
import functools
import os
from collections.abc import Callable
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when it is loaded

import numpy as np
import stacks
import torch
from torch._inductor.codecache import CppCodeCache
from torch.utils._python_dispatch import _disable_current_modes
from turns import CORES, Way, measure

from grok.engine import recorder
from grok.engine.stack import Stack

TASKS = ("toy_regression", "toy_classification", "mnist", "modular")
FLOPS = 10**10
"""Of which a turn of any way consists."""
PEAK = """
#include <ATen/cpu/vec/vec.h>
#include <cstdint>

extern "C" float peak(int64_t rounds) {
  using Vector = at::vec::Vectorized<float>;
  Vector sums[12], x(0.999f);
  for (int i = 0; i < 12; i++) sums[i] = Vector(float(i));
  for (int64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++) sums[i] = at::vec::fmadd(sums[i], x, x);
  }
  float lanes[Vector::size()], total = 0;
  for (int i = 0; i < 12; i++) {
    sums[i].store(lanes);
    total += lanes[0];
  }
  return total;
}

extern "C" int64_t lanes() { return at::vec::Vectorized<float>::size(); }
"""
Operands = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@functools.cache
def stack(task: str) -> tuple[Stack, list[Operands]]:
    """A stack of one, and the factors and results of the products of its step."""
    found: list[Operands] = []
    product = recorder.Recorder.product

    def seen(self: Any, a: Any, b: Any, bias: Any, out: Any) -> None:
        with _disable_current_modes():
            found.append((a.clone(), b.clone(), out.clone()))
        product(self, a, b, bias, out)

    of_one = stacks.stack(1, f"task={task}", "trainer.precision=32-true")
    recorder.Recorder.product = seen  # type: ignore[method-assign]
    try:
        of_one.advance(of_one.whole_epochs(1))
    finally:
        recorder.Recorder.product = product  # type: ignore[method-assign]
    return of_one, found


def flops(task: str) -> int:
    """Of all products of a step."""
    return sum(2 * a.numel() * b.shape[-1] for a, b, _ in stack(task)[1])


def repeats(task: str) -> int:
    return max(1, FLOPS // flops(task))


@functools.cache
def by_registers() -> tuple[Any, int]:
    library = CppCodeCache.load(PEAK)
    library.peak.argtypes = [ctypes.c_int64]
    return library.peak, 12 * 2 * library.lanes()


def peak(task: str) -> None:
    run, of_round = by_registers()
    run(repeats(task) * flops(task) // of_round)


def by_torch(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> Callable[[], Any]:
    return functools.partial(torch.mm, a, b, out=out)


def by_onednn(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> Callable[[], Any]:
    linear = torch.ops.mkldnn._linear_pointwise
    return functools.partial(linear, a, b.mT, None, "none", [], "")


def by_numpy(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> Callable[[], Any]:
    return functools.partial(np.matmul, a.numpy(), b.numpy(), out=out.numpy())


def products(task: str, way: str) -> None:
    """A step's products, one after the other."""
    each = calls(task, way)
    for _ in range(repeats(task)):
        for call in each:
            call()


@functools.cache
def calls(task: str, way: str) -> list[Callable[[], Any]]:
    return [WAYS[way](*operands) for operands in stack(task)[1]]


def own(task: str) -> None:
    recorded(task).play([], [0], repeats(task))


@functools.cache
def recorded(task: str) -> recorder.Recording:
    taken = recorder.Recorder([])
    for a, b, out in stack(task)[1]:
        taken.product(a, b, None, out)
    return taken.recording()


WAYS = {
    "PyTorch's library": by_torch,
    "oneDNN": by_onednn,
    "NumPy's OpenBLAS": by_numpy,
}


def step(task: str) -> None:
    of_one, _ = stack(task)
    of_one.advance(of_one.whole_epochs(repeats(task)))


def main() -> None:
    """Print a table for each task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", default=TASKS, help="names of tasks")
    for task in parser.parse_args().tasks:
        count, work = repeats(task), flops(task)
        ways = [Way("peak of a core", functools.partial(peak, task), count)]
        ways += [Way(name, functools.partial(products, task, name), count) for name in WAYS]
        ways.append(Way("the engine's own", functools.partial(own, task), count))
        ways.append(Way("the whole step", functools.partial(step, task), count))
        took = measure(ways, turns=5)
        print(f"{task}, {CORES} cores: {work / 1e6:.1f} million operations in a step's products")
        for name, milliseconds in took.items():
            rate = work / milliseconds / CORES / 1e6
            share = took["peak of a core"] / milliseconds
            print(f"  {name:24s} {milliseconds:8.3f} ms {rate:7.1f} GFLOP/s a core {share:6.0%}")


if __name__ == "__main__":
    main()
