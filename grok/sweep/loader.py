"""How the configuration of a sweep as a whole is composed, and where its options are looked for."""

from __future__ import annotations

import copy

import hydra._internal.hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig

from grok.checks.keys import SEARCHPATH


class SweepLoader(ConfigLoaderImpl):
    """Hydra's loader, but a sweep has the first option of each group that it sweeps over.

    Hydra leaves such groups at their defaults, and so refuses keys of the options that were chosen.
    It also forgets those of ``hydra.searchpath`` when it is asked for the options of a group.
    """

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        """The configuration; a sweep's own where `run_mode` is of several runs."""
        parsed = OverridesParser.create(config_loader=self).parse_overrides(overrides)
        self.repository = ConfigRepository(self._everywhere(parsed))
        if run_mode is RunMode.MULTIRUN:
            overrides = [self._first(override) for override in parsed]
        cfg = super().load_configuration(
            config_name, overrides, run_mode, from_shell, validate_sweep_overrides
        )
        cfg.hydra.overrides.task = [o.input_line for o in parsed if not o.is_hydra_override()]
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

    def _first(self, override: Override) -> str:
        """The word itself or, of a sweep over a group, the one that chooses its first option."""
        key = override.key_or_group
        plain = override.is_hydra_override() or not override.is_discrete_sweep()
        if plain or not self.get_group_options(key, results_filter=None):
            return str(override.input_line)
        first = next(iter(override.sweep_string_iterator()), "")
        return f"{override.get_key_element()}={first}"


def register() -> None:
    """Make Hydra use it; there is no other hook."""
    hydra._internal.hydra.ConfigLoaderImpl = SweepLoader  # type: ignore[attr-defined]
