"""``grok-train work FOLDER``: this machine trains what is left of a sweep, beside whoever does."""

from __future__ import annotations

import shlex
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
from grok.sweeps.live import watching
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
        help="for this machine, such as workers=2, stack_size=8 or devices=[0]",
    )
    options = parser.parse_args(words)
    for word in options.settings:
        if word.partition("=")[0] not in MINE:
            raise UsageError(
                f"{word}: the sweep has its own settings; only {', '.join(MINE)} may be added"
            )
    folder = options.folder.expanduser().absolute()
    begun(folder)
    try:
        work_on(planned(folder, options.settings))
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
    folder = sweep.folder
    if reason := stacked.obstacle(sweep):
        raise UserError(f"{folder}: {reason}; give the command that it began with")
    if queue.laid_out(folder):
        groups = queue.groups_of(folder)
    else:
        _check_free(folder)
        groups = stacked.groups(sweep.composer, sweep.plan.overrides)
    queue.lay_out(folder, groups)
    with watching(folder, sweep.plan):
        work_here(sweep, checked(sweep.master.hydra.launcher).spread)
    report_failures(folder, settled(sweep, range(len(sweep.plan.jobs))))
    show(program.to_draw(folder))


def _check_free(folder: Path) -> None:
    """Refuse a folder that a launcher without a queue is at work in."""
    try:
        with FileLock(folder / LOCK, timeout=0):
            pass
    except Timeout:
        raise UserError(
            f"{folder}: a launcher is at work there that shares it with none; wait for it"
        ) from None
