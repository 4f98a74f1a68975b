"""Hydra's own settings: what they can't be, and which of them a run or a sweep would ignore."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hydra._internal.config_repository import ConfigRepository
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf

from grok.checks.config import part_problems
from grok.checks.keys import OPEN, group_of_keys, is_group, options, values_of
from grok.checks.signatures import signature_problems

FILLED_IN = (
    "hydra.runtime",
    "hydra.overrides",
    "hydra.job.config_name",
    "hydra.job.id",
    "hydra.job.num",
    "hydra.job.override_dirname",
)
OF_SWEEPS = ("hydra.sweep", "hydra.sweeper", "hydra.launcher")
PARAMS = "hydra.sweeper.params"
SCALE, PAPER = "hydra.sweeper.scale", "paper"
GRID = "hydra.sweeper.grid"
OF_CLUSTERS = tuple(
    f"hydra.launcher.{key}"
    for key in (
        *("allocations", "wait", "timeout_min", "array_parallelism", "partition", "account", "qos"),
        *("constraint", "cpus_per_task", "gpus_per_node", "mem_gb", "setup", "additional"),
    )
)
SIDE_BY_SIDE = ("measures", "logger")
"""Groups of which several options may be chosen at once."""


def word_problems(overrides: Iterable[Override], found: ConfigRepository) -> Iterable[str]:
    """A line for each word that can't be, whatever the configuration is.

    Args:
        found: where options are looked for.
    """
    for override in overrides:
        key, word = override.key_or_group, str(override.input_line)
        if _is_of(key, FILLED_IN):
            yield f"{word}: is filled in by Hydra; leave it out"
        elif _is_of(key, [PARAMS]):
            if not override.value():
                continue  # which makes a single run of an experiment's sweep
            swept = f"{key.removeprefix(PARAMS)}=1,2".lstrip(".=")
            example = swept if "=" in swept else "opt.lr_dec=1e-4,1e-3"
            yield f"{word}: is for files; on a command line write what is swept, as -m {example}"
        elif override.is_delete() and key.startswith("hydra") and not key.startswith(OPEN):
            yield f"{word}: Hydra needs it; leave ~ out, or set it"
        elif is_group(key, found) and key not in SIDE_BY_SIDE and (chosen := _listed(override)):
            yield _one_option(word, chosen, key, found)


def _is_of(key: str, names: Iterable[str]) -> bool:
    """Whether a key is one of these, or in a section of these."""
    return any(f"{key}.".startswith(f"{name}.") for name in names)


def _listed(override: Override) -> list[Any]:
    """What stands in the lists that an override gives."""
    lists = [value for value in values_of(override) if isinstance(value, list)]
    return [name for each in lists for name in each]


def _one_option(word: str, chosen: list[Any], group: str, found: ConfigRepository) -> str:
    """The line about a group that is given a list of options."""
    if not all(isinstance(name, str) for name in chosen) or options(group, found) == ["default"]:
        return group_of_keys(word, found)
    sweep = f", or for a sweep -m {group}={','.join(chosen)}"
    several = len(chosen) > 1 and not group.startswith("hydra/")
    return f"{word}: must be one option; write {group}={chosen[0]}{sweep if several else ''}"


def ignored(overrides: Iterable[Override], hydra: DictConfig) -> Iterable[str]:
    """A line for each word that a single run, or a sweep, would do nothing about."""
    mode = hydra.mode
    sweeper: Any = OmegaConf.to_container(hydra.sweeper, resolve=False)
    for override in overrides:
        key, word = override.key_or_group.replace("/", "."), str(override.input_line)
        nothing = override.is_delete() or not override.value()
        if mode is RunMode.RUN and _is_of(key, OF_SWEEPS):
            if key != SCALE and not (nothing and key == PARAMS):
                instead = "write hydra.run.dir=..." if key == "hydra.sweep.dir" else "leave it out"
                yield f"{word}: is for sweeps; add -m, or {instead}"
        elif mode is RunMode.MULTIRUN and _is_of(key, ["hydra.run"]):
            yield f"{word}: is for a single run; of a sweep write hydra.sweep.dir=..."
        elif key == GRID and "grid}" not in str(sweeper.get("params")):
            yield f"{word}: nothing here has so many values; list them, as -m opt.lr_dec=1e-4,1e-3"
        elif _is_of(key, OF_CLUSTERS) and hydra.launcher.get("cluster", "another's") is None:
            yield f"{word}: is for clusters; add hydra.launcher.cluster=slurm, or leave it out"


def setting_problems(hydra: DictConfig) -> Iterable[str]:
    """A line for each of Hydra's composed settings that isn't what it should be."""
    parts = OmegaConf.create({name: hydra[name] for name in ("sweeper", "launcher")})
    found = part_problems("hydra", parts) + part_problems("hydra.callbacks", hydra.callbacks)
    yield from found
    if not found:
        for name in ("sweeper", "launcher"):
            yield from signature_problems(f"hydra.{name}", hydra[name])
        for name, part in hydra.callbacks.items():
            yield from signature_problems(f"hydra.callbacks.{name!s}", part)
    verbose: Any = hydra.verbose
    if not isinstance(verbose, bool | str | ListConfig):
        yield f"hydra.verbose={verbose}: must be true, false or a list of loggers, such as [hydra]"


def as_written(override: Override) -> str:
    """The word of an override, without the + of one that may not add a key."""
    word = str(override.input_line)
    key = override.key_or_group
    return word if not key.startswith("hydra.") or key.startswith(OPEN) else word.lstrip("+")
