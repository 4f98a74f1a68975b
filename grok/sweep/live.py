"""Shows a sweep while it runs: the phase grid filling in, or a plain line now and then."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from grok.phases import Phase
from grok.results import Plan, Record, finished, read_record

COLOURS = {  # as in the diagrams, but for black, which a dark terminal would not show
    Phase.COMPREHENSION: "#56B4E9",
    Phase.GROKKING: "#F0E442",
    Phase.MEMORIZATION: "#0072B2",
    Phase.CONFUSION: "#D55E00",
}
WAITING, RUNNING = Text("· ", style="bright_black"), Text("▒▒", style="bright_black")
REFRESH, LINE_EVERY = 0.5, 15.0  # seconds


class Progress:
    """What has become of each job so far, read from the sweep's folder.

    Args:
        folder: of the sweep.
        plan: its jobs.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self.plan = folder, plan
        self.records: dict[int, Record] = {}
        self.update()
        self.began, self.before = time.monotonic(), len(self.records)

    def update(self) -> None:
        """Read the records that have appeared."""
        for job in range(len(self.plan.jobs)):
            if job not in self.records and finished(self.folder / str(job)):
                self.records[job] = read_record(self.folder / str(job))

    def line(self) -> str:
        """Jobs finished, member-steps a second and time left."""
        elapsed = time.monotonic() - self.began
        done, jobs = len(self.records), len(self.plan.jobs)
        new = list(self.records.values())[self.before :]
        text = f"{done} of {jobs} finished, {_clock(elapsed)}"
        if new:
            rate = sum(record.steps for record in new) / elapsed
            left = elapsed * (jobs - done) / len(new)
            text += f", {rate:,.0f} member-steps/s, about {_clock(left)} left"
        return text

    def cell(self, job: int) -> Text:
        """Two characters for a job: its phase, running or waiting."""
        if job in self.records:
            return Text("██", style=COLOURS[Phase(self.records[job].phase)])
        return RUNNING if (self.folder / str(job)).is_dir() else WAITING

    def picture(self) -> Group:
        """The cells in the papers' orientation, the first key along x, with legend and line."""
        columns = _columns(self.plan)
        grid = Text()
        for row in zip(*columns, strict=True):
            for job in row:
                grid.append_text(self.cell(job))
            grid.append("\n")
        legend = Table.grid(padding=(0, 2))
        legend.add_row(*(Text(f"██ {phase}", style=COLOURS[phase]) for phase in Phase))
        return Group(grid, legend, Text(self.line()))


def _columns(plan: Plan) -> list[list[int]]:
    """Job numbers column by column: jobs that share the first key's value."""
    columns: dict[str, list[int]] = {}
    for job, settings in enumerate(plan.jobs):
        first = settings[plan.keys[0]] if plan.keys else None
        columns.setdefault(str(first), []).append(job)
    return list(columns.values())


@contextlib.contextmanager
def watching(folder: Path, plan: Plan) -> Iterator[None]:
    """Show the sweep of `folder` on the terminal for as long as the block runs."""
    progress, console, ended = Progress(folder, plan), Console(), threading.Event()
    show = _draw if console.is_terminal else _print
    thread = threading.Thread(target=show, args=(progress, console, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _draw(progress: Progress, console: Console, ended: threading.Event) -> None:
    with Live(progress.picture(), console=console, auto_refresh=False) as live:
        while not ended.wait(REFRESH):
            progress.update()
            live.update(progress.picture(), refresh=True)
        progress.update()
        live.update(progress.picture(), refresh=True)


def _print(progress: Progress, console: Console, ended: threading.Event) -> None:
    while not ended.wait(LINE_EVERY):
        progress.update()
        print(progress.line(), flush=True)
    progress.update()
    print(progress.line(), flush=True)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
