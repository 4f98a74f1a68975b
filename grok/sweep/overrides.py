"""What overrides mean: which keys are swept, which values a job sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf


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
