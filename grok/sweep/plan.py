"""The jobs of a sweep: expanded, checked and written to ``plan.json`` before the first trains."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf

from grok.checks import problems
from grok.errors import ConfigError, UserError, named
from grok.results import LOCK, Plan, difference, read_plan, sound_record, write_plan
from grok.sweep.compose import Composer
from grok.sweep.overrides import swept_keys


@dataclass
class Sweep:
    """A sweep about to be launched.

    Attributes:
        folder: of the sweep.
        plan: what goes to ``plan.json``.
        jobs: overrides of each job.
        composer: has composed them all.
    """

    folder: Path
    plan: Plan
    jobs: list[list[str]]
    composer: Composer


def prepare(loader: ConfigLoader, master: DictConfig, arguments: Sequence[str]) -> Sweep:
    """Compose and check every job of a sweep.

    Args:
        loader: Hydra's, of the running application.
        master: the sweep's own configuration, with ``hydra``.
        arguments: overrides, sweeps among them; a later one of the same key counts.

    Raises:
        ConfigError: jobs that can't be trained; a line for each different mistake.
    """
    raw: Any = OmegaConf.to_container(master.hydra.sweep)
    if raw["subdir"] != "${hydra.job.num}":
        raise ConfigError("hydra.sweep.subdir: must be ${hydra.job.num}, the number of the job")
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(list(arguments))
    (jobs,) = BasicSweeper.split_arguments(overrides, None)
    keys = swept_keys(overrides)
    composer = Composer(loader, master)
    found: dict[str, None] = {}  # in order, without repeats
    judged: dict[str, list[str]] = {}
    planned = []
    common: Any = None
    for job in jobs:
        composed = composer.compose(job)
        found.update(dict.fromkeys(problems(composed.cfg, judged)))
        planned.append({key: composed.settings[key] for key in keys})
        common = common or OmegaConf.to_container(composed.cfg)
    if found:
        raise ConfigError(*found)
    return Sweep(Path(str(master.hydra.sweep.dir)), Plan(keys, planned, common), jobs, composer)


@contextlib.contextmanager
def opened(sweep: Sweep, master: DictConfig) -> Iterator[None]:
    """Own the sweep's folder for as long as the block runs: plan written, nobody else in it.

    Raises:
        ConfigError: the folder holds another sweep.
        UserError: another process is at work in it.
    """
    sweep.folder.mkdir(parents=True, exist_ok=True)
    with (sweep.folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"hydra.sweep.dir={sweep.folder}: another process is at work there; "
                "wait for it, or choose another folder"
            ) from None
        before = read_plan(sweep.folder)
        if before is not None and not _same(before, sweep.plan):
            raise ConfigError(_difference(sweep.folder, before, sweep.plan))
        for job in range(len(sweep.plan.jobs)):  # damaged ones are trained again
            sound_record(sweep.folder / str(job))
        write_plan(sweep.folder, sweep.plan)
        OmegaConf.save(master, sweep.folder / "multirun.yaml")
        yield


def _same(before: Plan, now: Plan) -> bool:
    alike = difference(before.common, now.common) is None
    return alike and (before.keys, before.jobs) == (now.keys, now.jobs)


def _difference(folder: Path, before: Plan, now: Plan) -> str:
    """Why `now` can't go on with the sweep that was planned as `before`."""
    end = f"; choose another hydra.sweep.dir than {folder}, or repeat the command it began with"
    if before.keys != now.keys:
        return f"swept keys: {', '.join(now.keys)}, but {', '.join(before.keys)} before{end}"
    for key in now.keys:
        values = [list(dict.fromkeys(job[key] for job in plan.jobs)) for plan in (now, before)]
        if values[0] != values[1]:
            return f"{key}: sweeps over {values[0]}, but over {values[1]} before{end}"
    changed = difference(before.common, now.common)
    return f"{changed or 'the jobs are in another order than before'}{end}"


def report_failures(folder: Path, results: Sequence[JobReturn]) -> None:
    """Raise a `UserError` with a line for each job that failed: folder, settings and cause."""
    lines = []
    for number, result in enumerate(results):
        if result.status is JobStatus.FAILED:
            error = result._return_value
            settings = " ".join(result.overrides or [])
            lines.append(f"{folder / str(number)} ({settings}): {named(error)}")
    if lines:
        raise UserError("\n".join([*lines, f"{len(lines)} of {len(results)} jobs failed"]))
