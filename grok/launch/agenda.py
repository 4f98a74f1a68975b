"""Which jobs of a sweep are to be trained, as far as is known by now, and in which order."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from grok.errors import UserError
from grok.launch import queue
from grok.launch.order import coarse_to_fine
from grok.record.record import Plan, finished, read_record
from grok.sweeps.pace import WORK
from grok.sweeps.refine import refine


class Agenda:
    """All jobs of a sweep or, of a refined one, those that are wanted for what others came to.

    Args:
        folder: of the sweep, where a queue is laid out.
        plan: its jobs.
        among: numbers of jobs; others are left out.
    """

    def __init__(self, folder: Path, plan: Plan, among: Iterable[int]) -> None:
        self._folder, self._plan = folder, plan
        mine = set(among)
        self._order = [job for job in coarse_to_fine(plan.jobs) if job in mine]
        self._phases: dict[int, str] = {}
        self.wanted = self._order
        """Jobs to be trained, in the order in which to start, at the last look."""
        self.look()

    def look(self) -> None:
        """See what is wanted now."""
        if not self._plan.refine:
            return
        for job in queue.ticketless(self._folder, len(self._plan.jobs)):
            if job not in self._phases and finished(self._folder / str(job)):
                with contextlib.suppress(UserError):
                    self._phases[job] = read_record(self._folder / str(job)).phase
        failed = queue.tickets(self._folder / WORK / queue.FAILED)
        wanted = refine(self._plan.jobs, self._phases, failed).wanted
        self.wanted = [job for job in self._order if job in wanted and job not in self._phases]

    def left(self) -> bool:
        """Whether any wanted job hasn't ended."""
        self.look()
        return not queue.unended(self._folder).isdisjoint(self.wanted)

    def take(self, worker: queue.Worker) -> int | None:
        """The next job, which `worker` has from now on; None where there is none to be had."""
        job = worker.take(self.wanted)
        if job is None and self._plan.refine:
            self.look()
            job = worker.take(self.wanted)
        return job

    def may_go_on(self, worker: queue.Worker) -> bool:
        """Whether there may be another job later: one of a dead worker, or one wanted then."""
        grows = self._plan.refine and not queue.held(self._folder).keys().isdisjoint(self.wanted)
        return grows or worker.in_doubt(self.wanted)
