"""Shows a sweep while it runs: the phase grid filling in, or a plain line now and then.

It only watches: whatever goes wrong here, the sweep goes on.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from grok.errors import named
from grok.phases import Phase
from grok.printable import printable
from grok.record.names import ERROR
from grok.record.record import Plan, Record, finished, read_record
from grok.sweeps.pace import Meter
from grok.sweeps.refine import refine

COLOURS = {  # as in the diagrams, but for black, which a dark terminal would not show
    Phase.COMPREHENSION: "#56B4E9",
    Phase.GROKKING: "#F0E442",
    Phase.MEMORIZATION: "#0072B2",
    Phase.CONFUSION: "#D55E00",
}
LETTERS = {  # where there are no colours
    Phase.COMPREHENSION: "C ",
    Phase.GROKKING: "G ",
    Phase.MEMORIZATION: "M ",
    Phase.CONFUSION: "X ",
}
BLOCK, IMPLIED, WAITING, RUNNING, FAILED, NO_JOB = "██", "░░", "· ", "▒▒", "! ", "  "
REFRESH, LINE_EVERY = 0.5, 15.0  # seconds


class Progress:
    """What has become of each job so far, read from the sweep's folder.

    Args:
        folder: of the sweep.
        plan: its jobs.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self.plan, self.meter = folder, plan, Meter(folder)
        self.records: dict[int, Record] = {}
        self.begun: set[int] = set()
        self.failed: set[int] = set()
        self.wanted = len(plan.jobs)
        self.implied: dict[int, str] = {}
        self.update()
        self._see_wanted()
        self.began, self.before = time.monotonic(), len(self.records)

    def update(self) -> None:
        """Read what workers say and the records that have appeared.

        One that can't be read may be later.
        """
        self.meter.look()
        before = len(self.records), self.failed
        with contextlib.suppress(OSError):
            numbers = {int(name) for name in os.listdir(self.folder) if name.isdecimal()}
            self.begun = numbers.intersection(range(len(self.plan.jobs)))
        for job in sorted(self.begun.difference(self.records)):
            with contextlib.suppress(Exception):
                if finished(self.folder / str(job)):
                    self.records[job] = read_record(self.folder / str(job))
        unfinished = self.begun.difference(self.records)
        self.failed = {job for job in unfinished if (self.folder / str(job) / ERROR).exists()}
        if (len(self.records), self.failed) != before:
            self._see_wanted()

    def _see_wanted(self) -> None:
        if self.plan.refine:
            phases = {job: record.phase for job, record in self.records.items()}
            found = refine(self.plan.jobs, phases, self.failed)
            self.wanted, self.implied = len(found.wanted), found.implied

    def finished(self) -> str:
        """Jobs finished."""
        implied = f", {len(self.implied)} implied" if self.plan.refine else ""
        return f"{len(self.records)} of {self.wanted} finished{implied}"

    def line(self) -> str:
        """Jobs finished, and as soon as it is steady, member-steps a second and time left."""
        elapsed = time.monotonic() - self.began
        text = f"{self.finished()}, {_clock(elapsed)}"
        if self.meter.compiling:
            return f"{text}, compiling"
        rate, left = self._outlook(elapsed)
        if rate is not None:
            text += f", {rate:,.0f} member-steps/s"
        if left is not None:
            text += f", about {_clock(left)} left"
        return text

    def _outlook(self, elapsed: float) -> tuple[float | None, float | None]:
        """Member-steps a second and seconds left; None for what can't be said yet.

        Where workers don't say how far they are, of members that have finished alone.
        """
        new = [record.steps for record in self.records.values()][self.before :]
        rate, taken = self.meter.rate, max(self.meter.total, sum(new))
        if not self.meter.known:
            rate, taken = sum(new) / elapsed if new and elapsed > 0 else None, sum(new)
        if not rate or not new:
            return rate, None
        # as many steps for each that ends as so far: those that end early are the first to
        return rate, (self.wanted - len(self.records)) * taken / len(new) / rate

    def picture(self, console: Console) -> Group:
        """The line and how many are in each phase, then as many cells as `console` has room for.

        Cells lie as in the papers, the first key along x.
        """
        coloured = console.color_system is not None and not console.no_color
        head = Group(Text(self.line()), self.counts(coloured))
        rows, columns = _rows(self.plan), console.width // 2
        room = max(0, console.height - len(console.render_lines(head)) - 2)
        shown = [row[:columns] for row in rows[:room]]
        grid = [Text.assemble(*(self.cell(job, coloured) for job in row)) for row in shown]
        if shown != rows:
            more = f"{len(rows)} rows of {len(rows[0])} cells; there is room for a part"
            grid.append(Text(more, style="bright_black"))
        return Group(head, *grid)

    def counts(self, coloured: bool) -> Text:
        """How many jobs are in each phase, which is the legend too."""
        phases = [record.phase for record in self.records.values()]
        found = Text()
        for phase in Phase:
            found.append_text(_sign(phase, coloured))
            found.append(f" {phase} {phases.count(str(phase))}  ")
        return found

    def cell(self, job: int | None, coloured: bool) -> Text:
        """Two characters for a job: its phase, failed, running or waiting."""
        if job is None:
            return Text(NO_JOB)
        if job in self.records:
            return _sign(Phase(self.records[job].phase), coloured)
        if job in self.implied:
            return _sign(Phase(self.implied[job]), coloured, IMPLIED)
        if job in self.failed:
            return Text(FAILED, style="bold")
        return Text(RUNNING if job in self.begun else WAITING, style="bright_black")


def _sign(phase: Phase, coloured: bool, block: str = BLOCK) -> Text:
    letters = LETTERS[phase] if block == BLOCK else LETTERS[phase].lower()
    return Text(block, style=COLOURS[phase]) if coloured else Text(letters)


def _rows(plan: Plan) -> list[tuple[int | None, ...]]:
    """Job numbers row by row, None where a column is shorter than others.

    Jobs that share the first key's value are a column.
    """
    columns: dict[str, list[int]] = {}
    for job, settings in enumerate(plan.jobs):
        first = settings[plan.keys[0]] if plan.keys else None
        columns.setdefault(str(first), []).append(job)
    return list(itertools.zip_longest(*columns.values()))


@contextlib.contextmanager
def watching(folder: Path, plan: Plan) -> Iterator[None]:
    """Show the sweep of `folder` on the terminal for as long as the block runs."""
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(folder, plan, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _watch(folder: Path, plan: Plan, ended: threading.Event) -> None:
    """Show the sweep until it has `ended`: as a grid if that can be, else in lines if those can."""
    for show in (_draw, _print) if _has_cells(Console()) else (_print,):
        try:
            show(Progress(folder, plan), ended)
        except Exception as error:
            _tell(error)
        else:
            break


def _has_cells(console: Console) -> bool:
    """Whether `console` is a terminal that can go back over lines and has the characters."""
    try:
        (BLOCK + IMPLIED + RUNNING + WAITING).encode(console.encoding)
    except (UnicodeError, LookupError):
        return False
    return console.is_terminal and not console.is_dumb_terminal


def _tell(error: Exception) -> None:
    """A line on standard error; none where nobody reads the output any more."""
    if not isinstance(error, BrokenPipeError):
        with contextlib.suppress(OSError, ValueError):
            print(f"warning: progress can't be shown ({printable(named(error))})", file=sys.stderr)


def _draw(progress: Progress, ended: threading.Event) -> None:
    console = Console()
    with Live(progress.picture(console), console=console, auto_refresh=False) as live:
        while not ended.wait(REFRESH):
            progress.update()
            live.update(progress.picture(console), refresh=True)
        progress.update()
        live.update(progress.picture(console), refresh=True)


def _print(progress: Progress, ended: threading.Event) -> None:
    while not ended.wait(LINE_EVERY):
        progress.update()
        print(progress.line(), flush=True)
    progress.update()
    print(progress.line(), flush=True)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
