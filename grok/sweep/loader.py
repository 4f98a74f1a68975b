"""How the configuration of a sweep as a whole is composed."""

from __future__ import annotations

from collections.abc import Iterable

import hydra._internal.hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig

from grok.errors import ConfigError
from grok.sweep.of_hydra import as_written, ignored, setting_problems, word_problems


class SweepLoader(ConfigLoaderImpl):
    """Hydra's loader, but a sweep has the first option of each group that it sweeps over.

    Hydra leaves such groups at their defaults, and so refuses keys of the options that were chosen.
    """

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        """The configuration; a sweep's own where `run_mode` is of several runs.

        Raises:
            ConfigError: a word or a setting of Hydra's can't be, or would be ignored.
        """
        parsed = OverridesParser.create(config_loader=self).parse_overrides(overrides)
        _refuse(word_problems(parsed))
        words = map(self._first if run_mode is RunMode.MULTIRUN else as_written, parsed)
        overrides = list(words)
        cfg = super().load_configuration(
            config_name, overrides, run_mode, from_shell, validate_sweep_overrides
        )
        cfg.hydra.overrides.task = [o.input_line for o in parsed if not o.is_hydra_override()]
        _refuse(ignored(parsed, cfg.hydra.mode))
        _refuse(setting_problems(cfg.hydra))
        return cfg

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
