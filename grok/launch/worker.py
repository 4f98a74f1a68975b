"""What a worker does: it takes jobs of a sweep, and trains them, until none is left for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from hydra.core.utils import env_override
from omegaconf import OmegaConf

from grok.errors import named
from grok.launch import stacked
from grok.launch.agenda import Agenda
from grok.launch.order import lateness, waves
from grok.launch.places import Place, places
from grok.launch.queue import Worker, groups_of
from grok.launch.settings import Spread
from grok.sweeps.composer import StackJob
from grok.sweeps.pace import telling
from grok.sweeps.planned import Sweep

LOOK = 1.0
"""Seconds between looks for a job, where the last found none."""


def work(sweep: Sweep, spread: Spread, index: int = 0) -> None:
    """Train jobs of a sweep until all have ended, or are in the hands of workers that live.

    Args:
        sweep: with a queue laid out in its folder.
        spread: over this machine.
        index: of this worker on this machine.
    """
    seats: dict[int, tuple[Place, list[int]]] = {}  # job to its place, and those it trains with
    groups, late = groups_of(sweep.folder), lateness(sweep.plan.jobs)
    for group in groups:
        cfg = sweep.job(group[0])
        found = places(cfg, sum(map(len, groups)), *spread)
        if index < len(found):
            slots = places(cfg, len(group), *spread)[0].slots  # as many as this group needs
            place = found[index]._replace(slots=slots)
            for wave in waves(group, late) if len(groups) > 1 else [group]:
                seats |= dict.fromkeys(wave, (place, wave))
    agenda = Agenda(sweep.folder, sweep.plan, seats)
    env: Any = OmegaConf.to_container(sweep.master.hydra.job.env_set, resolve=True)
    with (
        env_override({key: str(value) for key, value in env.items()}),
        Worker(sweep.folder) as worker,
        telling(sweep.folder, worker.name) as pace,
    ):
        while True:
            job = agenda.take(worker)
            if job is not None:
                place, group = seats[job]
                source = _jobs(sweep, worker, job, Agenda(sweep.folder, sweep.plan, group))
                if not stacked.train(source, sweep.job(job), place, worker.fail, pace):
                    return  # the rest is for others, or the next launch
            elif agenda.may_go_on(worker):
                time.sleep(LOOK)
            else:
                return


def _jobs(sweep: Sweep, worker: Worker, first: int, agenda: Agenda) -> Iterator[StackJob | None]:
    """Jobs of a group, taken one by one; None while others may be had later."""
    taken: int | None = first
    while True:
        if taken is not None:
            try:
                job = sweep.composer.prepare(sweep.plan.overrides[taken], taken)
            except Exception as error:
                worker.fail(taken, named(error))
            else:
                yield job
        elif agenda.may_go_on(worker):
            looked = time.monotonic()
            while time.monotonic() < looked + LOOK:
                yield None
        else:
            return
        taken = agenda.take(worker)
