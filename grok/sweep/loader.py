"""How Hydra loads configurations here: that of a sweep as a whole, and options in no time."""

from __future__ import annotations

from typing import Any

import hydra._internal.hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig


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
        **more: Any,
    ) -> DictConfig:
        """The configuration; a sweep's own where `run_mode` is of several runs."""
        parsed = OverridesParser.create(config_loader=self).parse_overrides(overrides)
        if run_mode is RunMode.MULTIRUN:
            overrides = [self._first(override) for override in parsed]
        cfg = super().load_configuration(
            config_name, overrides, run_mode, from_shell, validate_sweep_overrides, **more
        )
        cfg.hydra.overrides.task = [o.input_line for o in parsed if not o.is_hydra_override()]
        return cfg

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
            return str(override.input_line)
        first = next(iter(override.sweep_string_iterator()), "")
        return f"{override.get_key_element()}={first}"


def register() -> None:
    """Make Hydra use it; there is no other hook."""
    hydra._internal.hydra.ConfigLoaderImpl = SweepLoader  # type: ignore[attr-defined]
