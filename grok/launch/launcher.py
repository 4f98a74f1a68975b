"""What ``hydra/launcher=stacked`` does: it lays out a queue and starts workers on it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from hydra.core.utils import JobReturn

from grok import program
from grok.errors import InterruptionError, UserError
from grok.launch import cluster, queue, stacked
from grok.launch.agenda import Agenda
from grok.launch.local import work_here
from grok.launch.outcome import settled
from grok.launch.settings import Stacked, checked
from grok.launch.worker_name import described
from grok.printable import show
from grok.sweeps.pace import WORK
from grok.sweeps.planned import Sweep


def launch(sweep: Sweep, jobs: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
    """Train jobs of a sweep.

    Args:
        sweep: planned in its folder, which this process owns.
        jobs: overrides of each.
        first: number of the first.

    Returns:
        Of each job what is found of it on disk.

    Raises:
        ConfigError: this machine lacks what the jobs need.
        UserError: the cluster can't be had.
    """
    settings = checked(sweep.master.hydra.launcher)
    queue.lay_out(sweep.folder, stacked.groups(sweep.composer, jobs, first))
    if settings.cluster is None:
        work_here(sweep, settings.spread)
    else:
        _send(sweep, settings)
    return settled(sweep, range(first, first + len(jobs)))


def _send(sweep: Sweep, settings: Stacked) -> None:
    """Send a sweep to a cluster, and wait for it if that is wanted."""
    folder = sweep.folder.absolute()
    array = cluster.send(folder, settings)
    status = f"{program.name()} status {folder}"
    show(f"sent to work on it: {array}. To see how far it is: {status}")
    if not settings.wait:
        return
    try:
        cluster.wait(array, Agenda(folder, sweep.plan, range(len(sweep.plan.jobs))))
    except KeyboardInterrupt:
        if array.number is None:
            for job in array.jobs:
                job.cancel()
            raise
        raise InterruptionError(
            f"; {array}, goes on. To see how far it is: {status}. To end it: scancel {array.number}"
        ) from None


def check_free(folder: Path) -> None:
    """Refuse to launch a sweep that workers are at, or that has been sent to a cluster.

    Raises:
        UserError: it names them.
    """
    number = cluster.sent_before(folder)
    if number and not shutil.which("squeue"):
        raise UserError(
            f"hydra.sweep.dir={folder}: was sent to Slurm as job {number}, which nobody here can "
            f"ask for (no squeue); if it has ended, delete {folder / WORK / cluster.NUMBER}"
        )
    found = [f"Slurm job {number}"] if number else [*map(described, queue.living(folder))]
    if found:
        at_work = f"{'; '.join(found)} {'is' if len(found) == 1 else 'are'} at work there"
        raise UserError(
            f"hydra.sweep.dir={folder}: {at_work}; wait for it, or have this machine work too: "
            f"{program.name()} work {folder}"
        )
