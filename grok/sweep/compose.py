"""Composes the jobs of a sweep in milliseconds each.

Hydra takes 0.1 to 0.2 s a job, nearly all of it for the defaults list. Jobs that differ in plain
values only share one composition, on which the values are then set.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import ConfigAttributeError, ConfigKeyError

from grok.sweep.overrides import settings_of


@dataclass
class Job:
    """One job's configuration, without the ``hydra`` section, and what its overrides set."""

    cfg: DictConfig
    settings: dict[str, Any]


class Composer:
    """Composes jobs as Hydra would, sharing what they have in common.

    Args:
        loader: Hydra's, of the running application.
        master: the sweep's own configuration, with ``hydra``.
    """

    def __init__(self, loader: ConfigLoader, master: DictConfig) -> None:
        self._loader, self._master = loader, master
        self._parser = OverridesParser.create(config_loader=loader)
        self._bases: dict[tuple[str, ...], tuple[DictConfig, dict[str, Any]]] = {}

    def compose(self, overrides: Sequence[str]) -> Job:
        """The job that `overrides` describe.

        Raises:
            ConfigCompositionException: a key that doesn't exist, as Hydra would raise.
        """
        parsed = self._parser.parse_overrides(list(overrides))
        structural = [override for override in parsed if not self._is_plain(override)]
        base, choices = self._base(tuple(str(o.input_line) for o in structural))
        cfg = copy.deepcopy(base)
        for override in parsed:
            if override not in structural:
                _set(cfg, override)
        return Job(cfg, settings_of(parsed, cfg, choices))

    def _base(self, overrides: tuple[str, ...]) -> tuple[DictConfig, dict[str, Any]]:
        if overrides not in self._bases:
            cfg = self._loader.load_sweep_config(self._master, list(overrides))
            choices = dict(cfg.hydra.runtime.choices)
            with flag_override(cfg, ["struct", "readonly"], False):
                del cfg["hydra"]
            OmegaConf.set_struct(cfg, True)
            self._bases[overrides] = cfg, choices
        return self._bases[overrides]

    def _is_plain(self, override: Override) -> bool:
        """Whether it sets one existing key to a value that refers to nothing else."""
        key = override.key_or_group
        return (
            not (override.is_add() or override.is_force_add() or override.is_delete())
            and override.package is None
            and not key.startswith("hydra.")
            and "${" not in str(override.value())
            and not self._is_group(key)
        )

    @functools.cache  # noqa: B019 - a composer lives as long as its sweep is prepared
    def _is_group(self, key: str) -> bool:
        return bool(self._loader.get_group_options(key, results_filter=None))


def _set(cfg: DictConfig, override: Override) -> None:
    """Set a plain value as Hydra does."""
    try:
        OmegaConf.update(cfg, override.key_or_group, override.value(), merge=True)
    except (ConfigAttributeError, ConfigKeyError) as error:
        raise ConfigCompositionException(
            f"Could not override '{override.key_or_group}'."
        ) from error
