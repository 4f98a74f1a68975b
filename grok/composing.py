"""From overrides to a configuration, and what they set and sweep."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import Override
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from grok import program
from grok.errors import ConfigError
from grok.schema import Config

HERE = Path(__file__).parent
CONF = next(folder for folder in (HERE / "conf", HERE.parent / "conf") if folder.is_dir())
"""The folder of the configuration: in the package where grok is installed, else beside it."""
VERSION_BASE = "1.3"
"""The version of Hydra whose defaults hold."""


def register() -> None:
    """Make the schema and the resolvers of ``conf/`` known to Hydra."""
    if "schema.yaml" not in ConfigStore.instance().repo:
        ConfigStore.instance().store(name="schema", node=Config)
    OmegaConf.register_new_resolver("program", program.name, replace=True)
    for space in (linspace, logspace):  # ${logspace:-5,-2,21}
        axis = functools.partial(_axis, space)
        OmegaConf.register_new_resolver(space.__name__, axis, replace=True)


def compose(*overrides: str, return_hydra_config: bool = False) -> DictConfig:
    """The configuration that ``train.py`` would train with these overrides, for use in Python."""
    register()
    with initialize_config_dir(str(CONF), version_base=VERSION_BASE):
        return hydra_compose("config", list(overrides), return_hydra_config)


def made(section: Any) -> Any:
    """What the ``_target_`` in a section of the configuration makes of it, lists being lists."""
    return instantiate(section, _convert_="all")


def settings_of(
    overrides: Iterable[Override], cfg: DictConfig, choices: Mapping[str, Any]
) -> dict[str, Any]:
    """The settings of a job, full key to value as composed; deletions are left out.

    Args:
        overrides: the job's own, no sweeps.
        cfg: the job's configuration.
        choices: config group to chosen option.
    """
    settings: dict[str, Any] = {}
    for override in overrides:
        key = override.key_or_group
        if not override.is_delete() and not key.startswith("hydra."):
            chosen = key in choices and isinstance(override.value(), str)
            value = choices[key] if chosen else OmegaConf.select(cfg, key)
            settings[key] = OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
    return settings


def swept_keys(overrides: Iterable[Override]) -> list[str]:
    """Full names of the keys that take several values, in the order given; the last one counts."""
    last = {override.key_or_group: override for override in overrides}
    return [key for key, override in last.items() if override.is_sweep_override()]


def linspace(start: float, stop: float, values: int) -> list[float]:
    """Evenly spaced values, ends included."""
    import numpy as np  # a tenth of a second that --help does without

    return [float(value) for value in np.linspace(start, stop, values)]


def logspace(start: float, stop: float, values: int) -> list[float]:
    """Values from 10^start to 10^stop, evenly spaced on a logarithmic scale."""
    # Python's power, for numpy's may miss a round value such as 1e-5 by one bit.
    return [10.0**exponent for exponent in linspace(start, stop, values)]


def _axis(space: Callable[..., list[float]], start: float, stop: float, values: int) -> str:
    """Values as a sweep of Hydra's."""
    if values < 1:
        raise ConfigError(f"hydra.sweeper.grid={values}: must be at least 1 value on each axis")
    return ",".join(map(repr, space(start, stop, values)))
