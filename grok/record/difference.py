"""In what two configurations differ that are to lead to the same run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grok.errors import ConfigError

LATER = {
    "engine.plain": False,
    "seed.perturb": 0,
    "opt._target_": "grok.optim.AdamW",
    "opt.warmup": 0,
    "opt.schedule": "constant",
    "opt.gamma": 0.1,
    "task.subset": "random",
    "task.representation": "images",
    "task.messiness": 1.0,
}
"""Keys that configurations of earlier versions lack, and the values that mean the same."""
OBSERVING = (
    *("callbacks.", "measures.", "weights.", "logger."),
    *("engine.threads.", "engine.steps_per_call.", "trainer.accelerator."),
)
"""Keys and sections that don't change what a member does, but what is seen of it, where and how
fast: rounding may differ."""
WHEN = ("every", "points")
"""Of a measure: at which steps it is taken, not what."""


def flat(cfg: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of a configuration by full name, such as ``opt.lr_dec``."""
    values: dict[str, Any] = {}
    for key, value in cfg.items():
        inner = isinstance(value, Mapping) and value
        values |= flat(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value}
    return values


def check_alike(before: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    """Refuse to go on in `folder` with another configuration than before.

    Raises:
        ConfigError: it names the first key in which they differ.
    """
    if changed := difference(before, now):
        raise ConfigError(f"{changed} in {folder}; choose another folder")


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """The first key in which two configurations differ, in a line; None where they are equal.

    What is only observed may differ: a run goes on, or is as good, with other callbacks and
    measures, but not with others of the same name. So may where it trains, and the folder of the
    data, for which other keys may stand.
    """
    old, new = LATER | flat(before), LATER | flat(now)
    for key in sorted(old.keys() | new.keys()):
        moved = (old.get(key), new.get(key)) == (old.get("data.dir"), new.get("data.dir"))
        if old.get(key) != new.get(key) and not (moved or _only_observed(key, old, new)):
            return f"{key}={new.get(key)}: was {old.get(key)} before"
    return None


def _only_observed(key: str, *configurations: Mapping[str, Any]) -> bool:
    section, _, setting = key.rpartition(".")
    measured = section.startswith("measures.") and setting not in WHEN
    another = measured and all(key in each for each in configurations)
    return f"{key}.".startswith(OBSERVING) and not another
