"""Member-steps of toy addition: stacked, one by one, and the published way, on all cores at once.

    python bench/speed.py            the ways against each other
    python bench/speed.py --sizes    stacks of 1 to 441 members as well (half an hour)

The ways take turns, each on all cores in turn, so that a noisy machine slows all alike. A turn is
a whole training, Lightning, draws and records included, but for compilation. Printed is the median
time of a member-step over all cores, and the plain loop's time divided by it.
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path

import joblib
import torch
from plain import plain_loop

from grok.config import compose
from grok.run import make_member, train
from grok.sweep.stacked import CPU_STACK

TASKS = ("regression", "classification")
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 441)
MEMBER_STEPS = 8000
TURNS = 5


def plain(task: str, size: int, steps: int) -> None:
    """The published way: a plain PyTorch loop over one network."""
    member = make_member(compose(f"task=toy_{task}"), Path(), "bench", {})
    step = plain_loop(member)
    for _ in range(steps):
        step()


def stacked(task: str, size: int, steps: int) -> None:
    """Members in one stack, through Lightning, to their records; a size of 1 is a solo run."""
    with tempfile.TemporaryDirectory() as folder:
        cfg = compose(f"task=toy_{task}", f"phase.budget={steps}", "phase.early_stop=false")
        members = [make_member(cfg, Path(folder, str(i)), "bench", {}) for i in range(size)]
        train(members, cfg, size)


def products(task: str, size: int, steps: int) -> None:
    """The step's matrix products alone: forward, backward and validation of each layer."""
    outputs = {"regression": 30, "classification": 19}[task]
    hidden, held_out = torch.randn(size, 45, 200), torch.randn(size, 10, 200)
    middle, last = torch.randn(size, 200, 200), torch.randn(size, outputs, 200)
    grad = torch.randn(size, 45, outputs)
    for _ in range(steps):
        torch.bmm(hidden, middle.mT)
        torch.bmm(hidden, middle)
        torch.bmm(hidden.mT, hidden)
        torch.bmm(held_out, middle.mT)
        torch.bmm(hidden, last.mT)
        torch.bmm(grad, last)
        torch.bmm(grad.mT, hidden)
        torch.bmm(held_out, last.mT)


WAYS = {"plain": plain, "stacked": stacked, "products": products}


def start(barrier: object) -> None:
    global begin_together
    begin_together = barrier
    torch.set_num_threads(1)


def turn(way: str, task: str, size: int, steps: int) -> float:
    begin_together.wait()
    began = time.perf_counter()
    WAYS[way](task, size, steps)
    return time.perf_counter() - began


def measure(contenders: list[tuple[str, int]], task: str, turns: int) -> list[float]:
    """Median milliseconds of a member-step over all cores, for each way and size."""
    cores = joblib.cpu_count()
    context = multiprocessing.get_context("spawn")
    times: list[list[float]] = [[] for _ in contenders]
    with context.Pool(cores, start, [context.Barrier(cores)]) as pool:
        for i in range(turns + 1):
            for (way, size), kept in zip(contenders, times, strict=True):
                steps = 200 * max(1, MEMBER_STEPS // size // 200)
                took = max(pool.starmap(turn, [(way, task, size, steps)] * cores, chunksize=1))
                if i > 0:  # the first turn pays for compilation and warm-up
                    kept.append(1000 * took / (steps * size * cores))
    return [statistics.median(kept) for kept in times]


def main() -> None:
    """Print a table for each task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", action="store_true", help="stacks of 1 to 441 members as well")
    sizes = SIZES if parser.parse_args().sizes else (1, CPU_STACK)
    contenders = [("plain", 1), *[("stacked", n) for n in sizes], ("products", CPU_STACK)]
    print(f"{joblib.cpu_count()} cores")
    print("task            way        members   ms/member-step   plain/this")
    for task in TASKS:
        times = measure(contenders, task, TURNS if len(sizes) == 2 else 3)
        for (way, size), took in zip(contenders, times, strict=True):
            print(f"{task:15s} {way:9s} {size:8d} {took:16.3f} {times[0] / took:12.2f}", flush=True)


if __name__ == "__main__":
    main()
