"""``grok-train work FOLDER``: this machine trains what is left of a sweep, beside whoever does."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from grok import program
from grok.errors import InterruptionError, UsageError, UserError, interrupted
from grok.launch import queue, stacked
from grok.launch.local import work_here
from grok.launch.outcome import settled
from grok.launch.settings import Spread, checked
from grok.options import Parser
from grok.printable import show
from grok.record.names import LOCK
from grok.record.record import finished, sound_record
from grok.sweeps.live import watching
from grok.sweeps.pace import WORK
from grok.sweeps.plan import report_failures
from grok.sweeps.planned import Sweep, begun, planned

MINE = tuple(f"hydra.launcher.{key}" for key in Spread._fields)
"""What may be said of this machine; all else is the sweep's."""


def main(words: list[str]) -> None:
    """Train what is left of a sweep with all that this machine has.

    Raises:
        UsageError, ConfigError: words that make no command, or ask for what isn't here.
        UserError: no sweep is there, it can't be worked on, or jobs have failed.
    """
    parser = Parser(prog=f"{program.name()} work", description=__doc__, allow_abbrev=False)
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="a sweep's")
    parser.add_argument(
        "settings",
        metavar="hydra.launcher.KEY=VALUE",
        nargs="*",
        default=[],
        help="for this machine, such as hydra.launcher.workers=2",
    )
    options = parser.parse_args(words)
    for word in options.settings:
        if word.partition("=")[0] not in MINE:
            raise UsageError(
                f"{word}: the sweep has its own settings; only {', '.join(MINE)} may be added"
            )
    folder = options.folder.expanduser().absolute()
    begin = begun(folder).command["cwd"]  # from where places are that the sweep's words name
    try:
        with contextlib.ExitStack() as there:
            with contextlib.suppress(OSError):  # another machine may have it elsewhere
                there.enter_context(contextlib.chdir(begin))
            work_on(planned(folder, options.settings))
        show(program.to_draw(folder))
    except BaseException as error:
        if not interrupted(error):
            raise
        again = shlex.join([*program.words(), "work", *words])
        raise InterruptionError(f"; what has finished is kept. To go on: {again}") from None


def work_on(sweep: Sweep) -> None:
    """Train what is left of a sweep, and show how it goes.

    Raises:
        ConfigError: this machine lacks what it needs.
        UserError: jobs that can't be stacked, that a launcher shares with none, or that failed.
    """
    folder, jobs = sweep.folder, list(range(len(sweep.plan.jobs)))
    if reason := stacked.obstacle(sweep):
        raise UserError(f"{folder}: {reason}; give the command that it began with")
    with _entered(folder) as answered:
        for job in jobs:
            sound_record(folder / str(job))  # a damaged one is set aside, to be trained again
        groups = queue.groups_of(folder) if queue.laid_out(folder) else []
        queued = {job for group in groups for job in group}
        if answered:  # a launcher of batches lays out its other jobs later
            jobs = sorted(queued)
        elif not queued.issuperset(job for job in jobs if not finished(folder / str(job))):
            groups = stacked.groups(sweep.composer, sweep.plan.overrides)
        queue.lay_out(folder, groups)
        with watching(folder, sweep.plan):
            work_here(sweep, checked(sweep.master.hydra.launcher).spread)
    report_failures(folder, dict(zip(jobs, settled(sweep, jobs), strict=True)))


@contextlib.contextmanager
def _entered(folder: Path) -> Iterator[bool]:
    """Be at work in a folder, as a worker that launchers see; whether one is at work there.

    Raises:
        UserError: a launcher is that shares its jobs with none.
    """
    with contextlib.ExitStack() as launchers:
        answered = False
        try:
            launchers.enter_context(FileLock(folder / LOCK, timeout=0))
        except Timeout:
            answered = True
            if not queue.laid_out(folder):
                raise UserError(
                    f"{folder}: a launcher is at work there that shares it with none; wait for it"
                ) from None
        (folder / WORK).mkdir(exist_ok=True)
        with queue.Worker(folder):
            launchers.close()
            yield answered
