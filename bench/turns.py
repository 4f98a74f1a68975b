"""Ways to train, measured by turns on all cores, so that a noisy machine slows all alike."""

import multiprocessing
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import joblib
import torch

CORES = joblib.cpu_count()


class Way(NamedTuple):
    """A way to train: what one process calls, and how many member-steps that is."""

    name: str
    run: Callable[[], Any]
    member_steps: int


def measure(ways: list[Way], turns: int) -> dict[str, float]:
    """Median milliseconds of a member-step over all cores, by name.

    In a turn every core runs the same way in a process of its own, on one thread. The first turn
    pays for compilation and warm-up, and doesn't count.
    """
    times: dict[str, list[float]] = {way.name: [] for way in ways}
    context = multiprocessing.get_context("spawn")
    with context.Pool(CORES, _start, [context.Barrier(CORES)]) as pool:
        for i in range(turns + 1):
            for way in ways:
                took = max(pool.map(_timed, [way.run] * CORES, chunksize=1))
                if i > 0:
                    times[way.name].append(1000 * took / (way.member_steps * CORES))
    return {name: statistics.median(taken) for name, taken in times.items()}


def _start(barrier: Any) -> None:
    global begin_together
    begin_together = barrier
    torch.set_num_threads(1)


def _timed(run: Callable[[], Any]) -> float:
    begin_together.wait()
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def show(title: str, times: dict[str, float], baseline: str) -> None:
    """Print a table: milliseconds, and how many times faster than the baseline."""
    print(f"{title}, {CORES} cores: ms a member-step over all, times {baseline}")
    for name, took in times.items():
        print(f"  {name:24s} {took:8.3f} {times[baseline] / took:8.2f}", flush=True)
