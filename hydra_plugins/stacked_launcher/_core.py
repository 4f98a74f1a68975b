"""Groups jobs, hands each group to workers, and gives Hydra a result for every job.

What an application has to offer, as attribute ``stacked`` of its task function (a module or an
object that can be pickled):

    obstacle(cfg) -> str | None           why this job can't be stacked
    structure(cfg) -> hashable            jobs of equal structure may share a stack
    workers(cfg, jobs, wanted) -> int     processes for so many jobs
    train(jobs, cfg, size) -> failures    trains an iterable of `StackJob`, taking one when a slot
                                          is free; job number to message for those that failed
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_loader import ConfigLoader
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, configure_log, setup_globals
from hydra.errors import ConfigCompositionException
from joblib import Parallel, delayed
from omegaconf import DictConfig

from grok.errors import FailedJobError
from grok.sweep.compose import Composer, StackJob
from grok.sweep.order import coarse_to_fine
from grok.sweep.queue import claimed

if TYPE_CHECKING:
    from hydra_plugins.stacked_launcher.stacked_launcher import StackedLauncher

log = logging.getLogger(__name__)

CLAIMS = ".claims"

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
    for key in ("stack_size", "workers"):
        check_count(key, getattr(launcher, key))
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    jobs = {initial_job_idx + i: list(overrides) for i, overrides in enumerate(job_overrides)}
    composer = Composer(loader, config)
    composed = {number: composer.compose(overrides) for number, overrides in jobs.items()}
    application: Any = launcher.task_function
    for job in composed.values():
        if obstacle := application.stacked.obstacle(job.cfg):
            log.warning("%s: one job after another", obstacle)
            return BasicLauncher.launch(launcher, job_overrides, initial_job_idx)
    groups: dict[Any, list[int]] = {}
    for number in coarse_to_fine([job.settings for job in composed.values()], initial_job_idx):
        groups.setdefault(application.stacked.structure(composed[number].cfg), []).append(number)
    claims = Path(str(config.hydra.sweep.dir)) / CLAIMS
    shutil.rmtree(claims, ignore_errors=True)
    claims.mkdir(parents=True)
    failures: dict[int, str] = {}
    for group in groups.values():
        cfg = composed[group[0]].cfg
        workers = application.stacked.workers(cfg, len(group), launcher.workers)
        share = delayed(train_share)(
            application.stacked,
            loader,
            config,
            {number: jobs[number] for number in group},
            claims,
            launcher.stack_size,
            Singleton.get_state(),
        )
        for failed in Parallel(n_jobs=workers, batch_size=1)([share] * workers):
            failures.update(failed)
    shutil.rmtree(claims)
    return [_result(jobs[n], job.cfg, failures.get(n)) for n, job in composed.items()]


def check_count(key: str, value: Any) -> None:
    """Refuse what is neither ``auto`` nor a positive whole number."""
    if value != "auto" and not (isinstance(value, int) and value >= 1):
        raise ConfigCompositionException(
            f"hydra.launcher.{key}={value}: must be auto or a whole number of at least 1"
        )


def train_share(
    stacked: Any,
    loader: ConfigLoader,
    config: DictConfig,
    jobs: Jobs,
    claims: Path,
    size: int | str,
    singletons: dict[Any, Any],
) -> dict[int, str]:
    """What one worker does: train jobs of a group until none is left; failures by number."""
    setup_globals()
    Singleton.set_state(singletons)
    composer = Composer(loader, config)
    first = composer.compose(next(iter(jobs.values()))).cfg

    def seated() -> Iterator[StackJob]:
        for number in claimed(claims, jobs):
            yield composer.prepare(jobs[number], number)

    failures: dict[int, str] = stacked.train(seated(), first, size)
    return failures


def _result(overrides: list[str], cfg: DictConfig, failure: str | None) -> JobReturn:
    result = JobReturn(overrides=overrides, cfg=cfg, status=JobStatus.COMPLETED)
    if failure is not None:
        result.status, result.return_value = JobStatus.FAILED, FailedJobError(failure)
    return result
