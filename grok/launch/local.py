"""Workers on this machine: in this process where one is enough, else each in one of its own."""

from __future__ import annotations

import logging
import math
import multiprocessing
import multiprocessing.connection
import signal
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from grok.checks.config import machine_problems
from grok.errors import ConfigError, UserError, debugging, interrupted, named, run_reporting
from grok.launch.places import places, worthwhile
from grok.launch.processes import ending_with_parent
from grok.launch.queue import groups_of
from grok.launch.settings import Spread
from grok.launch.worker import work
from grok.sweeps.going_on import deaf_children
from grok.sweeps.planned import Sweep, planned

log = logging.getLogger(__name__)


def work_here(sweep: Sweep, spread: Spread) -> None:
    """Train jobs of a sweep with all that `spread` gives of this machine, until none is free.

    Args:
        sweep: with a queue laid out in its folder.
        spread: over this machine.

    Raises:
        ConfigError: what it asks for isn't there.
    """
    count, worth, groups = 0, 0.0, groups_of(sweep.folder)
    for group in groups:
        cfg = sweep.job(group[0])
        if problems := machine_problems(cfg):
            raise ConfigError(*problems)
        count = max(count, len(places(cfg, sum(map(len, groups)), *spread)))
        worth += worthwhile(cfg, len(group))
    if spread.workers == "auto":
        count = min(count, math.ceil(worth))
        spread = spread._replace(workers=count)
    if count <= 1:
        work(sweep, spread)
        return
    spawn = multiprocessing.get_context("spawn")
    processes = [
        spawn.Process(target=_worker, args=(sweep.folder, spread, i)) for i in range(count)
    ]
    try:
        with deaf_children():
            for process in processes:
                process.start()
        _wait(processes)
    finally:
        for process in processes:
            if process.pid is not None:  # it could be started
                process.kill()


def _wait(processes: Sequence[BaseProcess]) -> None:
    """Until all have ended; one that is killed leaves its jobs to the others."""
    waiting: dict[Any, BaseProcess] = {process.sentinel: process for process in processes}
    while waiting:
        for sentinel in multiprocessing.connection.wait(list(waiting)):
            process = waiting.pop(sentinel)
            process.join()
            if process.exitcode and process.exitcode < 0:
                left = (
                    f"{len(waiting)} are left and go on with its jobs"
                    if waiting
                    else "none is left"
                )
                log.warning(
                    "a worker was killed, as it is when memory runs out (fewer need less: "
                    "hydra.launcher.workers); %s",
                    left,
                )


def _worker(folder: Path, spread: Spread, index: int) -> None:
    """What one process does."""
    if hasattr(signal, "SIGUSR2"):  # Slurm's, for the process that submitit has started
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)

    def command() -> None:
        try:
            with ending_with_parent():
                work(planned(folder), spread, index)
        except UserError:
            raise
        except BaseException as error:
            if debugging() or interrupted(error):
                raise
            raise UserError(f"a worker has ended: {named(error)}") from error

    run_reporting(command)
