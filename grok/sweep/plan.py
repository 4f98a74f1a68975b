"""The jobs of a sweep: expanded, checked and written to ``plan.json`` before the first trains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from grok.config import problems
from grok.errors import ConfigError
from grok.results import Plan, write_plan
from grok.sweep.compose import Composer
from grok.sweep.overrides import swept_keys


def prepare(loader: ConfigLoader, master: DictConfig, arguments: Sequence[str]) -> Plan:
    """Compose and check every job of a sweep and write its plan.

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
    plan = Plan(keys, planned)
    write_plan(Path(master.hydra.sweep.dir), plan)
    return plan
