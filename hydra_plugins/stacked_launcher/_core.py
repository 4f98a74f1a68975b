"""Groups jobs, hands each group to workers, and gives Hydra a result for every job.

What an application has to offer, as attribute ``stacked`` of its task function (a module or an
object that can be pickled):

    obstacle(cfg) -> str | None           why this job can't be stacked
    structure(cfg) -> hashable            jobs of equal structure may share a stack
    places(cfg, jobs, stack_size, workers, devices) -> list
                                          for each worker that trains so many jobs, where it does
    train(jobs, cfg, place) -> failures   trains an iterable of `StackJob`, taking one when a slot
                                          is free; job number to message for those that failed
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_loader import ConfigLoader
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, configure_log, setup_globals
from joblib import Parallel, delayed
from omegaconf import DictConfig

from grok.errors import FailedJobError, named
from grok.launch.order import coarse_to_fine
from grok.launch.queue import claimed
from grok.launch.workers import ending_with_parent
from grok.sweeps.composer import Composer, StackJob
from grok.sweeps.going_on import deaf_children

if TYPE_CHECKING:
    from hydra_plugins.stacked_launcher.stacked_launcher import StackedLauncher

log = logging.getLogger(__name__)

CLAIMS = ".claims"
UNTAKEN = "not trained, for no worker was left; the same command goes on"

Jobs = dict[int, list[str]]
"""Job number to overrides."""


def launch(
    launcher: StackedLauncher, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
) -> Sequence[JobReturn]:
    """Train all jobs; see `StackedLauncher.launch`."""
    setup_globals()
    assert launcher.config is not None
    assert launcher.hydra_context is not None
    config, loader = launcher.config, launcher.hydra_context.config_loader
    launcher.check()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    jobs = {initial_job_idx + i: list(overrides) for i, overrides in enumerate(job_overrides)}
    composer = launcher.composer or Composer(loader, config)
    composed = {number: composer.compose(overrides) for number, overrides in jobs.items()}
    application: Any = launcher.task_function
    for job in composed.values():
        if obstacle := application.stacked.obstacle(job.cfg):
            log.warning("%s: one job after another", obstacle)
            return BasicLauncher.launch(launcher, job_overrides, initial_job_idx)
    groups: dict[Any, list[int]] = {}
    for number in coarse_to_fine([job.settings for job in composed.values()], initial_job_idx):
        groups.setdefault(application.stacked.structure(composed[number].cfg), []).append(number)
    all_claims = Path(str(config.hydra.sweep.dir)) / CLAIMS
    shutil.rmtree(all_claims, ignore_errors=True)
    claims = all_claims / uuid.uuid4().hex
    claims.mkdir(parents=True)
    failures: dict[int, str] = {}
    places = [  # of all groups, before the first trains
        application.stacked.places(
            composed[group[0]].cfg,
            len(group),
            launcher.stack_size,
            launcher.workers,
            launcher.devices,
        )
        for group in groups.values()
    ]
    for group, its_places in zip(groups.values(), places, strict=True):
        shares = [
            delayed(train_share)(
                application.stacked,
                loader,
                config,
                {number: jobs[number] for number in group},
                claims,
                os.getpid(),
                place,
                Singleton.get_state(),
            )
            for place in its_places
        ]
        failures |= dict.fromkeys(group, UNTAKEN)
        alone = len(shares) == 1  # a single worker is this process
        with contextlib.nullcontext() if alone else deaf_children():
            outcomes = Parallel(n_jobs=len(its_places), batch_size=1)(shares)
        for taken, failed in outcomes:
            for number in taken:
                del failures[number]
            failures |= failed
    shutil.rmtree(all_claims)
    return [_result(jobs[n], job.cfg, failures.get(n)) for n, job in composed.items()]


def train_share(
    stacked: Any,
    loader: ConfigLoader,
    config: DictConfig,
    jobs: Jobs,
    claims: Path,
    launcher: int,
    place: Any,
    singletons: dict[Any, Any],
) -> tuple[list[int], dict[int, str]]:
    """What one worker does: train jobs of a group until none is left.

    Args:
        claims: where workers claim jobs.
        launcher: id of the launcher's process.

    Returns:
        The jobs that it took, and the messages of those that failed, by number.
    """
    setup_globals()
    Singleton.set_state(singletons)
    composer = Composer(loader, config)
    first = composer.compose(next(iter(jobs.values()))).cfg

    taken: list[int] = []
    failures: dict[int, str] = {}

    def seated() -> Iterator[StackJob]:
        for number in claimed(claims, jobs):
            taken.append(number)
            try:
                job = composer.prepare(jobs[number], number)
            except Exception as error:
                failures[number] = named(error)
            else:
                yield job

    alone = os.getpid() == launcher  # a single worker is the launcher's own process
    with contextlib.nullcontext() if alone else ending_with_parent(claims.exists):
        failures |= stacked.train(seated(), first, place)
    return taken, failures


def _result(overrides: list[str], cfg: DictConfig, failure: str | None) -> JobReturn:
    result = JobReturn(overrides=overrides, cfg=cfg, status=JobStatus.COMPLETED)
    if failure is not None:
        result.status, result.return_value = JobStatus.FAILED, FailedJobError(failure)
    return result
