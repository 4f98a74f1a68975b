"""Toy addition: stacked, one by one, in JAX, and the published way.

    python bench/speed.py            the ways against each other, a few minutes
    python bench/speed.py --sizes    and stacks of 1 to 441 members, much longer

What is timed is a whole training: draws, Lightning, both accuracies at every step, records; of JAX,
which is left out where it isn't installed, the steps with both accuracies alone.
"""

import argparse
import functools
import tempfile
from pathlib import Path

import peer
from plain import plain_loop
from turns import Way, measure, show

from grok.composing import compose
from grok.job import make_member, setup
from grok.launch.places import cpu_stack
from grok.training import train

SIZES = (1, 2, 4, 8, 16, 64, 441)
MEMBER_STEPS = 16000
TASKS = ("toy_regression", "toy_classification")


def plain(task: str, steps: int) -> None:
    """The published way: a plain PyTorch loop over one network."""
    step = plain_loop(make_member(compose(f"task={task}"), Path(), "bench", {}))
    for _ in range(steps):
        step()


def stacked(task: str, size: int, steps: int, *overrides: str) -> None:
    """Members in one stack, through Lightning, to their records; a size of 1 is a solo run."""
    with tempfile.TemporaryDirectory() as folder:
        whole = f"phase.budget={steps}", "phase.early_stop=false"
        cfg = compose(f"task={task}", *whole, *overrides)
        members = [make_member(cfg, Path(folder, str(i)), "bench", {}) for i in range(size)]
        train(members, setup(cfg), size)


def main() -> None:
    """Print a table for each task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", action="store_true", help="stacks of 1 to 441 members as well")
    every_size = parser.parse_args().sizes
    for task in TASKS:
        fastest = cpu_stack(compose(f"task={task}"))
        sizes = SIZES if every_size else (1, fastest)
        path = functools.partial(stacked, task, 1, 2000, "engine.plain=true")
        ways = [
            Way("plain loop", functools.partial(plain, task, 2000), 2000),
            Way("plain path", path, 2000),
        ]
        for size in sizes:
            steps = 200 * max(1, MEMBER_STEPS // size // 200)
            name = f"stack of {size}" if size > 1 else "solo run"
            ways.append(Way(name, functools.partial(stacked, task, size, steps), size * steps))
        for size in sorted({1, fastest}) if peer.AVAILABLE else ():
            run = functools.partial(peer.train, task, size, MEMBER_STEPS // size)
            ways.append(Way(f"JAX, {size} members", run, MEMBER_STEPS))
        show(task, measure(ways, turns=1 if every_size else 5), "plain loop")


if __name__ == "__main__":
    main()
