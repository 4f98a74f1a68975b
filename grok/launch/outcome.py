"""What has become of a sweep's jobs, as its folder says."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.utils import JobReturn, JobStatus

from grok.errors import FailedJobError
from grok.launch import queue
from grok.launch.agenda import Agenda
from grok.launch.cluster import LOGS, sent_before
from grok.record.record import finished
from grok.sweeps.planned import Sweep

UNTAKEN = "not trained, for no worker was left{}; the same command goes on"


def settled(sweep: Sweep, jobs: Sequence[int]) -> list[JobReturn]:
    """The `results` of jobs; the queue goes, unless workers are still to come."""
    on_its_way = sent_before(sweep.folder) is not None
    found = results(sweep, jobs, on_its_way)
    if not on_its_way:
        queue.clear(sweep.folder)
    return found


def results(sweep: Sweep, jobs: Sequence[int], on_its_way: bool = False) -> list[JobReturn]:
    """Of each job a result: completed is only what has left a record.

    Unknown is what others are at, and what a refined sweep doesn't want.

    Args:
        sweep: that has been worked on.
        jobs: numbers.
        on_its_way: whether workers are still to come, so that the untrained may yet be.
    """
    failures, held = queue.failures(sweep.folder), queue.held(sweep.folder)
    wanted = set(Agenda(sweep.folder, sweep.plan, jobs).wanted)
    logs = sweep.folder / LOGS
    untaken = UNTAKEN.format(f" (their output: {logs})" if logs.is_dir() else "")
    found = []
    for number in jobs:
        result = JobReturn(overrides=sweep.plan.overrides[number], cfg=sweep.job(number))
        if finished(sweep.folder / str(number)):
            result.status = JobStatus.COMPLETED
        elif number in failures or (number in wanted and not (number in held or on_its_way)):
            result.status = JobStatus.FAILED
            result.return_value = FailedJobError(failures.get(number, untaken))
        found.append(result)
    return found
