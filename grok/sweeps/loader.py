"""How Hydra loads configurations here: scales, a sweep as a whole, and options from everywhere."""

from __future__ import annotations

import copy
import shlex
from collections.abc import Iterable
from typing import Any

import hydra._internal.hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig

from grok.checks.keys import SEARCHPATH
from grok.checks.of_hydra import PAPER, SCALE, as_written, ignored, setting_problems, word_problems
from grok.errors import ConfigError


class SweepLoader(ConfigLoaderImpl):
    """Hydra's loader, but ``hydra.sweeper.scale`` stands for the overrides of that scale.

    And a sweep has the first option of each group that it sweeps over: Hydra leaves such groups at
    their defaults, and so refuses keys of the options that were chosen. It also forgets those of
    ``hydra.searchpath`` when it is asked for the options of a group.

    Attributes:
        begun: whether the words are those of a sweep that has begun, perhaps with an earlier
            version: what does nothing is no mistake then.
    """

    begun = False

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
        **more: Any,
    ) -> DictConfig:
        """The configuration; a sweep's own where `run_mode` is of several runs.

        Raises:
            ConfigError: a word or a setting of Hydra's can't be, or would be ignored, or there is
                no such scale of what is run.
        """
        parsed = OverridesParser.create(config_loader=self).parse_overrides(overrides)
        self.repository = ConfigRepository(self._everywhere(parsed))
        _refuse(word_problems(parsed, self.repository))
        typed, word = parsed, self._first if run_mode is RunMode.MULTIRUN else as_written

        def load() -> DictConfig:
            words = list(map(word, parsed))
            return super(SweepLoader, self).load_configuration(
                config_name, words, run_mode, from_shell, validate_sweep_overrides, **more
            )

        cfg = load()
        if cfg.hydra.sweeper.get("scale", PAPER) != PAPER:
            scaled = self._scaled(cfg.hydra.sweeper, typed)
            if run_mode is RunMode.RUN and cfg.hydra.mode is RunMode.MULTIRUN:  # of a job
                scaled = [override for override in scaled if not override.is_sweep_override()]
            parsed = [*scaled, *typed]
            cfg = load()
        cfg.hydra.overrides.task = [o.input_line for o in parsed if not o.is_hydra_override()]
        if not self.begun:
            _refuse(ignored(typed, cfg.hydra))
        _refuse(setting_problems(cfg.hydra))
        return cfg

    def _everywhere(self, overrides: list[Override]) -> ConfigSearchPath:
        """All places where options are looked for."""
        path = copy.deepcopy(self.config_search_path)
        schema = path.get_path().pop()  # which comes last
        for override in overrides:
            places = override.value() if override.key_or_group == SEARCHPATH else None
            for place in places if isinstance(places, list) else ():
                path.append("hydra.searchpath", str(place))
        path.get_path().append(schema)
        return path

    def _scaled(self, sweeper: DictConfig, given: list[Override]) -> list[Override]:
        """The overrides of the chosen scale, but of keys that are given."""
        scales = {PAPER: "", **sweeper.scales}
        if sweeper.scale not in scales:
            known = ", ".join(scales)
            more = "" if sweeper.scales else ", or add an experiment, which has more"
            raise ConfigError(
                f"{SCALE}={sweeper.scale}: no such scale here; choose from {known}{more}"
            )
        words = shlex.split(scales[sweeper.scale])
        keys = {override.key_or_group for override in given}
        scaled = OverridesParser.create(config_loader=self).parse_overrides(words)
        return [override for override in scaled if override.key_or_group not in keys]

    def get_group_options(
        self,
        group_name: str,
        results_filter: ObjectType | None = ObjectType.CONFIG,
        config_name: str | None = None,
        overrides: list[str] | None = None,
    ) -> list[str]:
        """The options of a group, without the copy of all configurations that Hydra makes first.

        ``--help`` asks over a hundred times.
        """
        if config_name is None and not overrides:
            return list(self.repository.get_group_options(group_name, results_filter))
        return list(super().get_group_options(group_name, results_filter, config_name, overrides))

    def _first(self, override: Override) -> str:
        """The word itself or, of a sweep over a group, the one that chooses its first option."""
        key = override.key_or_group
        plain = override.is_hydra_override() or not override.is_discrete_sweep()
        if plain or not self.get_group_options(key, results_filter=None):
            return as_written(override)
        first = next(iter(override.sweep_string_iterator()), "")
        return f"{override.get_key_element()}={first}"


def _refuse(problems: Iterable[str]) -> None:
    if found := list(problems):
        raise ConfigError(*found)


def register() -> None:
    """Make Hydra use it; there is no other hook."""
    hydra._internal.hydra.ConfigLoaderImpl = SweepLoader  # type: ignore[attr-defined]
