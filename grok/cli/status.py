"""``grok-train status FOLDER``: how far a sweep is, from any machine that sees its folder."""

from __future__ import annotations

import contextlib
import shlex
import time
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console

from grok import program
from grok.launch import queue
from grok.launch.agenda import Agenda
from grok.launch.cluster import sent_before
from grok.launch.worker_name import described
from grok.options import Parser
from grok.printable import show
from grok.record.names import ERROR, LOCK
from grok.record.record import Plan
from grok.sweeps.live import Progress, watching
from grok.sweeps.planned import begun

LOOK = 2.0  # seconds


def main(words: list[str]) -> None:
    """Show a sweep's grid until nothing is left or Ctrl-C is pressed, who is at work, what failed.

    A line where there is no terminal.

    Raises:
        UsageError: words that make no command.
        UserError: no sweep has begun there.
    """
    parser = Parser(prog=f"{program.name()} status", description=__doc__, allow_abbrev=False)
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="a sweep's")
    folder = parser.parse_args(words).folder.expanduser()
    plan = begun(folder)
    progress = Progress(folder, plan)
    if Console().is_terminal:
        with contextlib.suppress(KeyboardInterrupt), watching(folder, plan):
            while len(progress.records) < progress.wanted and not _given_up(progress):
                time.sleep(LOOK)
                progress.update()
    else:
        show(progress.finished())
    jobs: dict[str, list[str]] = {}
    for job, worker in queue.held(folder).items():
        jobs.setdefault(worker, []).append(str(job))
    for worker, its in jobs.items():
        show(f"{described(worker)}: at {', '.join(its)}")
    failed = failures(folder, plan)
    for job, message in failed.items():
        show(f"job {job} failed: {message}")
    if not (failed or plan.common.get("logger")) and _left_alone(progress):
        show(f"nobody is at work. To go on: {program.name()} work {shlex.quote(str(folder))}")


def failures(folder: Path, plan: Plan) -> dict[int, str]:
    """Job number to message of those that have failed, where nobody tries them again."""
    if queue.laid_out(folder):
        return queue.failures(folder)
    found = {}
    for job in range(len(plan.jobs)):
        with contextlib.suppress(OSError):
            lines = (folder / str(job) / ERROR).read_text(encoding="utf-8").splitlines()
            found[job] = lines[-1] if lines else queue.UNTOLD
    return found


def _left_alone(progress: Progress) -> bool:
    """Whether jobs are left, and nobody is at work on them or has been asked to."""
    if len(progress.records) >= progress.wanted or queue.workers(progress.folder):
        return False
    if sent_before(progress.folder):
        return False
    with contextlib.suppress(Timeout, OSError), FileLock(progress.folder / LOCK, timeout=0):
        return True
    return False  # a launcher is at work


def _given_up(progress: Progress) -> bool:
    """Whether all jobs that haven't finished have failed."""
    if queue.laid_out(progress.folder):
        return not Agenda(progress.folder, progress.plan, range(len(progress.plan.jobs))).left()
    failed = failures(progress.folder, progress.plan)
    with contextlib.suppress(Timeout, OSError), FileLock(progress.folder / LOCK, timeout=0):
        return len(progress.records.keys() | failed) >= progress.wanted
    return False  # a launcher is at work
