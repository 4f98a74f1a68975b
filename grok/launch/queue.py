"""Which worker trains which job: whoever has its ticket.

``.work/`` in a sweep's folder holds a ticket, a small file, for each job that hasn't ended. It
lies in ``free/``, in ``failed/`` or in the folder of the worker that trains the job, and goes from
one to the other by being renamed, which one process alone can do. So nothing here depends on
locks. A worker shows that it lives by a lease that it renews; others watch it by their own clock.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from filelock import SoftFileLease, Timeout

from grok.launch.worker_name import new_name, runs_here
from grok.record.files import atomic_path
from grok.record.names import ERROR
from grok.record.record import finished
from grok.sweeps.pace import PACE, WORK

FREE, FAILED, LEASE, GROUPS = "free", "failed", ".lease", "groups.json"
SILENCE = 60.0
"""Seconds without a sign of life after which a worker elsewhere counts as dead."""
UNTOLD = "failed without room to write why; make room, and give the same command again"
"""Message of a job whose own couldn't be written."""
SHARE = 20
"""Of many jobs, looks at their records take such a part of a worker's time at most."""
GRACE = 8.0
"""Seconds in which a worker here ends, whose launcher has been killed."""


def lay_out(folder: Path, groups: Sequence[Sequence[int]]) -> None:
    """Have a ticket for each job that hasn't ended, free where no worker at work has it.

    Args:
        folder: of the sweep.
        groups: job numbers; those of a group may share a stack.
    """
    work = folder / WORK
    left = ([job for job in group if not finished(folder / str(job))] for group in groups)
    groups = [group for group in left if group]
    for place in (FREE, FAILED):
        (work / place).mkdir(parents=True, exist_ok=True)
    with _lease(work / f"layout{LEASE}"):
        with atomic_path(work / GROUPS) as temporary:
            temporary.write_text(json.dumps(groups))
        for job in tickets(work / FAILED):
            (folder / str(job) / ERROR).unlink(missing_ok=True)
            _move(work / FAILED / str(job), work / FREE / str(job))
        # Tickets go from free to a worker's folder to nowhere, once the record is there: looked
        # for in this order, none is missed.
        jobs = [job for group in groups for job in group]
        there = {*tickets(work / FREE)}
        there.update(job for worker in workers(folder) for job in tickets(work / worker))
        for job in jobs:
            if job not in there and not finished(folder / str(job)):
                (work / FREE / str(job)).touch()
        for job in there.difference(jobs):
            (work / FREE / str(job)).unlink(missing_ok=True)


def laid_out(folder: Path) -> bool:
    """Whether a sweep has a queue."""
    return (folder / WORK / GROUPS).exists()


def groups_of(folder: Path) -> list[list[int]]:
    """The groups that the queue of a sweep was laid out with."""
    found: list[list[int]] = json.loads((folder / WORK / GROUPS).read_text())
    return found


def workers(folder: Path) -> list[str]:
    """The names of the workers that have been at work in a sweep and may still be."""
    with contextlib.suppress(FileNotFoundError):
        inside = sorted(path for path in (folder / WORK).iterdir() if path.is_dir())
        return [path.name for path in inside if path.name not in (FREE, FAILED)]
    return []


def tickets(place: Path) -> list[int]:
    """The jobs whose tickets lie there."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(int(name) for name in os.listdir(place) if name.isdecimal())
    return []


def failures(folder: Path) -> dict[int, str]:
    """Job number to message of those that have failed."""
    place = folder / WORK / FAILED
    found = {}
    for job in tickets(place):
        with contextlib.suppress(FileNotFoundError):  # free again
            found[job] = (place / str(job)).read_text(encoding="utf-8") or UNTOLD
    return found


def held(folder: Path) -> dict[int, str]:
    """Job number to the worker that is at it, of those that may live."""
    watch = Watch(folder)
    living = [worker for worker in workers(folder) if not watch.dead(worker)]
    return {job: worker for worker in living for job in tickets(folder / WORK / worker)}


def living(folder: Path) -> list[str]:
    """The workers at a sweep, once it is known of each that it lives.

    It takes a minute at most, and here a few seconds, in which those end whose launcher was killed.
    """
    watch, begun = Watch(folder), time.monotonic()
    while there := [worker for worker in workers(folder) if not watch.dead(worker)]:
        if time.monotonic() - begun > GRACE and all(map(watch.alive, there)):
            break
        time.sleep(0.2)
    return there


def ticketless(folder: Path, jobs: int) -> list[int]:
    """Those of so many jobs that have no ticket, for they have ended."""
    work = folder / WORK
    places = (FREE, FAILED, *workers(folder))
    there = {job for place in places for job in tickets(work / place)}
    return [job for job in range(jobs) if job not in there]


def unended(folder: Path) -> set[int]:
    """The jobs that are free or in somebody's hands, dead or alive."""
    return {job for at in (FREE, *workers(folder)) for job in tickets(folder / WORK / at)}


def clear(folder: Path) -> None:
    """Remove the queue, if nobody is at work any more."""
    watch = Watch(folder)
    if all(watch.dead(worker) for worker in workers(folder)):
        shutil.rmtree(folder / WORK, ignore_errors=True)


class Renewals(NamedTuple):
    """What has been seen of a worker's lease."""

    stamp: int  # of the disk's clock
    newest: float  # by the clock of who looks, who may have begun then
    times: int


class Watch:
    """Tells workers that live from those that have died.

    Args:
        folder: of the sweep.
    """

    def __init__(self, folder: Path) -> None:
        self._work = folder / WORK
        self._leases: dict[str, SoftFileLease] = {}  # remember when they were last renewed
        self._renewals: dict[str, Renewals] = {}

    def dead(self, worker: str) -> bool:
        """Whether a worker has died, or ended; its jobs are free then.

        On this machine that is seen at once, of another after `SILENCE`; of all after that where
        the disk can't exchange two names, as NFS can't, so that nobody takes over a lease.
        """
        path = self._work / f"{worker}{LEASE}"
        lease = self._leases.setdefault(worker, _lease(path))
        try:
            with lease.acquire(blocking=False):
                self._free(worker)
        except Timeout:
            silent = time.monotonic() - self._renewed(worker).newest
            if runs_here(worker) or silent < SILENCE:
                return False
            self._free(worker)
            path.unlink(missing_ok=True)
        except FileNotFoundError:  # and so is the whole queue
            return True
        return True

    def alive(self, worker: str) -> bool:
        """Whether a worker is known to live: by its process here, or renewed since a first look."""
        return runs_here(worker) or self._renewed(worker).times > 0

    def _free(self, worker: str) -> None:
        for job in tickets(self._work / worker):
            _move(self._work / worker / str(job), self._work / FREE / str(job))
        with contextlib.suppress(OSError):
            (self._work / f"{worker}{PACE}").unlink(missing_ok=True)
            (self._work / worker).rmdir()

    def _renewed(self, worker: str) -> Renewals:
        before, stamp = self._renewals.get(worker), 0
        with contextlib.suppress(OSError), (self._work / f"{worker}{LEASE}").open("rb") as file:
            stamp = os.fstat(file.fileno()).st_mtime_ns
        if before is None or stamp not in (0, before.stamp):
            times = 0 if before is None else before.times + 1
            self._renewals[worker] = Renewals(stamp, time.monotonic(), times)
        return self._renewals[worker]


class Worker:
    """One that takes tickets, for as long as it is entered as a context.

    Args:
        folder: of the sweep, where a queue is laid out.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._work = folder, folder / WORK
        self._watch = Watch(folder)
        self._tear_next = 0.0

    def __enter__(self) -> Worker:
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        for job in self.left():
            _move(self._mine / str(job), self._work / FREE / str(job))
        with contextlib.suppress(OSError):
            self._mine.rmdir()
        self._lease.release()

    def _begin(self) -> None:
        self.name = new_name()
        self._mine = self._work / self.name
        self._lease = _lease(self._work / f"{self.name}{LEASE}")
        self._lease.acquire()  # first: a folder without a lease is one of the dead
        self._mine.mkdir()

    def take(self, wanted: Sequence[int]) -> int | None:
        """The first of these jobs that nobody alive has; None where there is none."""
        if self._lease.compromise:  # was silent for so long that its jobs may have gone to others
            before = self._mine
            self._begin()
            for job in tickets(before):
                _move(before / str(job), self._mine / str(job))
        self._tear()
        free = {*tickets(self._work / FREE)}
        for job in wanted:
            if job in free and _move(self._work / FREE / str(job), self._mine / str(job)):
                return job
        if any(self._watch.dead(other) for other in self._with(wanted)):
            return self.take(wanted)
        return None

    def fail(self, job: int, message: str) -> None:
        """Put a job of mine, if it still is, aside until the sweep is launched again."""
        if not (self._mine / str(job)).exists():
            return
        with contextlib.suppress(OSError):  # no room; see `UNTOLD`
            (self._mine / str(job)).write_text(message, encoding="utf-8")
        _move(self._mine / str(job), self._work / FAILED / str(job))

    def _tear(self) -> None:
        """Tear the tickets of my jobs that have finished; of very many, not at every call."""
        if (began := time.monotonic()) >= self._tear_next:
            self.left()
            ended = time.monotonic()
            self._tear_next = ended + SHARE * (ended - began)

    def left(self) -> list[int]:
        """My jobs that have neither finished nor failed; tickets of the finished are torn."""
        left = []
        for job in tickets(self._mine):
            if finished(self._folder / str(job)):
                (self._mine / str(job)).unlink(missing_ok=True)
            else:
                left.append(job)
        return left

    def in_doubt(self, wanted: Sequence[int]) -> bool:
        """Whether one of these jobs is with a worker that isn't known to live."""
        return not all(self._watch.alive(other) for other in self._with(wanted))

    def _with(self, wanted: Sequence[int]) -> list[str]:
        """The others that have any of these jobs."""
        jobs = {*wanted}
        others = (worker for worker in workers(self._folder) if worker != self.name)
        return [other for other in others if jobs & {*tickets(self._work / other)}]


def _lease(path: Path) -> SoftFileLease:
    return SoftFileLease(path, lease_duration=SILENCE, thread_local=False)


def _move(ticket: Path, to: Path) -> bool:
    """Whether this process has been the one to move a ticket."""
    try:
        ticket.rename(to)
    except FileNotFoundError:
        return to.exists()  # a network's disk may have done it and forgotten to say so
    return True
