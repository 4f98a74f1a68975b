"""The jobs of a sweep: expanded, checked and written to ``plan.json`` before the first trains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf

from grok.config import first_line, problems
from grok.errors import ConfigError, UserError
from grok.results import Plan, write_plan
from grok.sweep.compose import Composer
from grok.sweep.overrides import swept_keys


def prepare(loader: ConfigLoader, master: DictConfig, arguments: Sequence[str]) -> list[list[str]]:
    """Compose and check every job of a sweep and write its plan; the overrides of each job.

    Args:
        loader: Hydra's, of the running application.
        master: the sweep's own configuration, with ``hydra``.
        arguments: overrides, sweeps among them; a later one of the same key counts.

    Raises:
        ConfigError: jobs that can't be trained; a line for each different mistake.
    """
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(list(arguments))
    (jobs,) = BasicSweeper.split_arguments(overrides, None)
    keys = swept_keys(overrides)
    composer = Composer(loader, master)
    found: dict[str, None] = {}  # in order, without repeats
    planned = []
    for job in jobs:
        composed = composer.compose(job)
        found.update(dict.fromkeys(problems(composed.cfg)))
        planned.append({key: composed.settings[key] for key in keys})
    if found:
        raise ConfigError(*found)
    folder = Path(str(master.hydra.sweep.dir))
    write_plan(folder, Plan(keys, planned))
    OmegaConf.save(master, folder / "multirun.yaml")
    return jobs


def report_failures(results: Sequence[JobReturn]) -> None:
    """Raise a `UserError` with a line for each job that failed: its settings and the cause."""
    lines = []
    for result in results:
        if result.status is JobStatus.FAILED:
            error = result._return_value
            lines.append(
                f"{' '.join(result.overrides or [])}: {type(error).__name__}: {first_line(error)}"
            )
    if lines:
        raise UserError("\n".join([*lines, f"{len(lines)} of {len(results)} jobs failed"]))
