"""Proves or disproves all that runs on a GPU, and times it: a page, in ten minutes at most.

    python bench/gpu_check.py FOLDER [--minutes 10]

Leaves FOLDER/gpu.md, which is also printed, and FOLDER/log.txt with all that the parts say
besides. Each part is a process of its own, so that one which fails, hangs or loses the GPU ends
alone. They start in order of importance; one that doesn't fit the time left is left out.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import pkgutil
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

CORES = os.cpu_count() or 1
AT_ONCE = min(8, max(1, CORES // 2))
"""Parts that only compare numbers run beside each other: they mostly compile."""
TEST_DATA = f"data.dir={Path(__file__).resolve().parents[1] / 'tests' / 'data'}"
"""Has the images that MNIST's default seeds draw, and some reviews."""


class Finding(NamedTuple):
    """A line of the page; `holds` is None for a number that can't be wrong."""

    claim: str
    holds: bool | None
    numbers: str = ""

    def __str__(self) -> str:
        mark = {True: "ok", False: "FAIL", None: "-"}[self.holds]
        return f"{mark:5}{self.claim}" + (f": {self.numbers}" if self.numbers else "")


class Part(NamedTuple):
    """A function that yields findings, and the seconds without which it isn't begun."""

    title: str
    function: str
    arguments: tuple[Any, ...] = ()
    seconds: int = 60


def comparing() -> list[Part]:
    """Parts that may run at once."""
    single, double = "32-true", "64-true"
    tasks: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
        ("toy regression", ("task=toy_regression",), (double, single)),
        ("MNIST", ("task=mnist", TEST_DATA), (double, single)),
        ("QM9, two sizes of minibatches", ("task=qm9",), (double, single)),
        ("modular addition, p = 31", ("task=modular", "task.p=31"), (double, single)),
        ("toy classification", ("task=toy_classification",), (single,)),
        ("teacher and student", ("task=teacher_student", "seed.model=5"), (double,)),
        ("toy representation", ("task=toy_representation", "task.messiness=0.3"), (double,)),
    ]
    arithmetic = [
        Part(f"{name}, {precision}", "gpu_equal:arithmetic", (settings, precision), 100)
        for name, settings, precisions in tasks
        for precision in precisions
    ]
    beside = [
        Part(f"Blocks, {name}", "gpu_equal:among_others", (settings, single), 60)
        for name, settings, _ in (tasks[0], tasks[1], tasks[3])
    ]
    reviews = ("task=imdb", TEST_DATA, "task.size=60", "task.batch_size=20")
    plain = {"toy regression": ("task=toy_regression",), "IMDb": reviews}
    return [
        Part("Figure 1, right: 24 cells", "gpu_cells:cells", (), 150),
        *arithmetic,
        *beside,
        Part("Measures", "gpu_equal:measured", (), 60),
        Part("Memory, MNIST", "gpu_speed:memory", (("task=mnist", TEST_DATA), 1), 100),
        Part("Memory, two workers", "gpu_speed:memory", (("task=toy_regression",), 2), 80),
        *(Part(f"Plain path, {name}", "gpu_equal:plain", (plain[name],), 40) for name in plain),
    ]


def alone() -> list[Part]:
    """Parts that need the GPU for themselves."""
    stacks = [
        ("toy regression", ("task=toy_regression",), 441, "fig1_regression"),
        ("MNIST", ("task=mnist", "trainer.precision=32-true", TEST_DATA), 100, "fig2_float32"),
        ("toy classification", ("task=toy_classification",), 441, "fig1_classification"),
        ("modular addition, p = 113", ("task=modular", "trainer.precision=32-true"), 16, None),
    ]
    return [
        Part(f"Speed, {name}", "gpu_speed:speed", tuple(arguments), 60)
        for name, *arguments in stacks
    ]


class Page:
    """What has been found so far, on disk after each line of it."""

    def __init__(self, folder: Path, parts: Sequence[Part]) -> None:
        self.file, self.log = folder / "gpu.md", folder / "log.txt"
        self._began, self._lock = time.monotonic(), threading.Lock()
        self.found: dict[str, list[Finding]] = {part.title: [] for part in parts}

    def add(self, part: Part, finding: Finding) -> None:
        with self._lock:
            self.found[part.title].append(finding)
            print(f"{part.title}: {finding}", flush=True)
            self.file.write_text(str(self), encoding="utf-8")

    @property
    def failures(self) -> int:
        """Lines that say FAIL."""
        return sum(each.holds is False for found in self.found.values() for each in found)

    def __str__(self) -> str:
        marks = [each.holds for found in self.found.values() for each in found]
        took = time.monotonic() - self._began
        lines = [
            "# GPU check",
            f"{marks.count(True)} ok, {marks.count(False)} FAIL, {took:.0f} s",
            *(
                "\n".join([f"## {title}", "```", *map(str, found), "```"])
                for title, found in self.found.items()
                if found
            ),
        ]
        return "\n\n".join(lines) + "\n"


def run(parts: Sequence[Part], at_once: int, deadline: float, page: Page) -> None:
    """Run parts, so many at once, each in a process of its own."""
    pool = ThreadPoolExecutor(at_once)
    try:
        for done in [pool.submit(_run, part, at_once, deadline, page) for part in parts]:
            done.result()
    finally:  # after an interrupt, nothing new is begun
        pool.shutdown(cancel_futures=True)


def _run(part: Part, at_once: int, deadline: float, page: Page) -> None:
    left = deadline - time.monotonic()
    if left < part.seconds:
        page.add(part, Finding("left out", None, f"takes {part.seconds} s, {left:.0f} s are left"))
        return
    context, began = multiprocessing.get_context("spawn"), time.monotonic()
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(part, at_once, sender, str(page.log)))
    process.start()
    sender.close()
    for finding in _findings(process, receiver, deadline):
        page.add(part, finding)
    process.kill()
    process.join()
    page.add(part, Finding("took", None, f"{time.monotonic() - began:.0f} s"))


def _findings(process: Any, receiver: Connection, deadline: float) -> Iterator[Finding]:
    """What a part sends, until it says that this was all, dies or is late."""
    while ready := wait([receiver, process.sentinel], max(0.0, deadline - time.monotonic())):
        try:
            if receiver not in ready:
                raise EOFError
            finding = receiver.recv()
        except EOFError:
            process.join()
            yield Finding("its process", False, f"ended with {process.exitcode}")
            return
        if finding is None:
            return
        yield finding
    yield Finding("ends in time", False, "killed, for the time is over")


def _child(part: Part, at_once: int, sender: Connection, log: str) -> None:
    with open(log, "a", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    # before PyTorch is imported; the last as a training run on a GPU has it
    threads = str(max(1, CORES // at_once))
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = os.environ["OMP_NUM_THREADS"] = threads
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    try:
        for finding in pkgutil.resolve_name(part.function)(*part.arguments):
            sender.send(finding)
    except Exception as error:
        print(f"{part.title}: {traceback.format_exc()}", flush=True)
        words = " ".join(str(error).split())[:300]
        sender.send(Finding("runs", False, f"{type(error).__name__}: {words}"))
    print(end="", flush=True)
    sender.send(None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page; 1 where a line of it says FAIL."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="for gpu.md and log.txt")
    parser.add_argument("--minutes", type=float, default=10, help="at most (10)")
    given = parser.parse_args(arguments)
    try:
        given.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"{given.folder}: can't be made a folder ({error.strerror}); name another")
    together, one_by_one = comparing(), alone()
    card = Part("The machine", "gpu_speed:machine", (), 10)
    page = Page(given.folder, [card, *together, *one_by_one])
    deadline = time.monotonic() + 60 * given.minutes
    run([card], 1, deadline, page)
    if page.failures:
        return 1
    run(together, AT_ONCE, deadline, page)
    run(one_by_one, 1, deadline, page)
    print(f"\n{page}\n{page.file}")
    return 1 if page.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
