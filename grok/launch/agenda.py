"""Which jobs of a sweep are to be trained, as far as is known by now, and in which order."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path

from grok.errors import UserError
from grok.launch import queue
from grok.launch.order import coarse_to_fine
from grok.record.record import Plan, finished, read_record
from grok.sweeps.refine import refine


class Agenda:
    """All jobs of a sweep or, of a refined one, those that are wanted for what others came to.

    Args:
        folder: of the sweep, where a queue is laid out.
        plan: its jobs.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder, self._plan = folder, plan
        self._order = coarse_to_fine(plan.jobs)
        self._phases: dict[int, str] = {}

    def wanted(self, among: Collection[int]) -> list[int]:
        """The jobs to be trained and not known to have ended, in the order in which to start.

        Args:
            among: numbers; others are left out.
        """
        jobs = [job for job in self._order if job in among]
        if not self._plan.refine:
            return jobs
        failed = queue.tickets(self._folder / queue.WORK / queue.FAILED)
        self._read()
        wanted = refine(self._plan.jobs, self._phases, failed).wanted
        return [job for job in jobs if job in wanted and job not in self._phases]

    def may_grow(self, jobs: Collection[int]) -> bool:
        """Whether more may be wanted once these jobs have ended, of which some are under way."""
        return self._plan.refine and any(job in jobs for job in queue.held(self._folder))

    def _read(self) -> None:
        """The phases of jobs that have ended since the last time."""
        for job in queue.ticketless(self._folder, len(self._plan.jobs)):
            if job not in self._phases and finished(self._folder / str(job)):
                with contextlib.suppress(UserError):
                    self._phases[job] = read_record(self._folder / str(job)).phase
