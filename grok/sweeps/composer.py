"""Composes the jobs of a sweep in milliseconds each.

Hydra takes 0.1 to 0.2 s a job, nearly all of it for the defaults list. Jobs that differ in plain
values only share one composition, on which the values are then set.
"""

from __future__ import annotations

import copy
import functools
import pickle
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import ConfigAttributeError, ConfigKeyError

from grok.composing import settings_of
from grok.record.files import naming


@dataclass
class Job:
    """One job's configuration, without the ``hydra`` section, and what its overrides set."""

    cfg: DictConfig
    settings: dict[str, Any]


@dataclass
class StackJob(Job):
    """A job about to be trained.

    Attributes:
        number: of the job in its sweep.
        folder: its own, with ``.hydra/`` in it.
        choices: config group to chosen option.
    """

    number: int
    folder: Path
    choices: dict[str, Any]


class Base:
    """A composition that many jobs share, from which each takes a copy.

    Args:
        whole: with the ``hydra`` section.

    Attributes:
        choices: config group to chosen option.
        whole, cfg: give a copy with the ``hydra`` section, and one without.
    """

    def __init__(self, whole: DictConfig) -> None:
        self.choices = dict(whole.hydra.runtime.choices)
        self.whole = copies(whole)
        cfg = self.whole()
        with read_write(cfg), open_dict(cfg):
            del cfg["hydra"]
        self.cfg = copies(cfg)


def copies(cfg: DictConfig) -> Callable[[], DictConfig]:
    """Gives a copy at each call, where that can be from a pickle, several times as fast."""
    try:
        pickled = pickle.dumps(cfg)
    except Exception:  # of a class that is in no module
        return functools.partial(copy.deepcopy, cfg)
    return functools.partial(pickle.loads, pickled)


class Composer:
    """Composes jobs as Hydra would, sharing what they have in common.

    Args:
        loader: Hydra's, of the running application.
        master: the sweep's own configuration, with ``hydra``.
    """

    def __init__(self, loader: ConfigLoader, master: DictConfig) -> None:
        self._loader, self._master = loader, master
        self._parser = OverridesParser.create(config_loader=loader)
        self._bases: dict[tuple[str, ...], Base] = {}
        self._jobs: dict[tuple[str, ...], Job] = {}

    def compose(self, overrides: Sequence[str]) -> Job:
        """The job that `overrides` describe, composed once and to be left as it is.

        Raises:
            ConfigCompositionException: a key that doesn't exist, as Hydra would raise.
        """
        if tuple(overrides) not in self._jobs:
            parsed = self._parse(overrides)
            base = self._base(parsed)
            self._jobs[tuple(overrides)] = self._job(base.cfg(), parsed, base.choices)
        return self._jobs[tuple(overrides)]

    def prepare(self, overrides: Sequence[str], number: int) -> StackJob:
        """The job that `overrides` describe, with its folder made as Hydra makes it."""
        parsed = self._parse(overrides)
        base = self._base(parsed)
        whole = base.whole()
        job = self._job(whole, parsed, base.choices)
        with read_write(whole), open_dict(whole):
            hydra = whole.hydra
            hydra.overrides.task = list(overrides)
            hydra.job.override_dirname = _dirname(parsed, hydra.job.config.override_dirname)
            hydra.job.id = hydra.job.num = number
            folder = Path(str(hydra.sweep.dir), str(hydra.sweep.subdir)).absolute()
            hydra.runtime.output_dir = str(folder)
            subdir = hydra.output_subdir
            del whole["hydra"]
        folder.mkdir(parents=True, exist_ok=True)
        if subdir is not None:
            _write_hydra_files(folder / str(subdir), whole, hydra)
        return StackJob(whole, job.settings, number, folder, base.choices)

    def differing(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Words that choose another ``sweeper`` or ``launcher`` than the sweep's, and which."""
        for words, base in self._bases.items():
            for name in ("sweeper", "launcher"):
                mine, theirs = (
                    OmegaConf.to_container(each.hydra[name], resolve=False)
                    for each in (self._master, base.whole())
                )
                if mine != theirs:
                    yield words, name

    def _parse(self, overrides: Sequence[str]) -> list[Override]:
        return self._parser.parse_overrides(list(overrides))

    def _base(self, overrides: Sequence[Override]) -> Base:
        """Hydra's composition of what is not plain."""
        structural = tuple(str(o.input_line) for o in overrides if not self._is_plain(o))
        if structural not in self._bases:
            whole = self._loader.load_sweep_config(self._master, list(structural))
            self._bases[structural] = Base(whole)
        return self._bases[structural]

    def _job(self, cfg: DictConfig, overrides: list[Override], choices: Mapping[str, Any]) -> Job:
        for override in overrides:
            if self._is_plain(override):
                _set(cfg, override)
        return Job(cfg, settings_of(overrides, cfg, choices))

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


def _dirname(overrides: Sequence[Override], name: DictConfig) -> str:
    """The overrides as a folder may be called after them, as Hydra puts it."""
    named = [o for o in overrides if o.key_or_group not in name.exclude_keys]
    words = sorted(str(override.input_line) for override in named)
    return str(name.item_sep.join(words).replace("=", name.kv_sep))


def _write_hydra_files(target: Path, cfg: DictConfig, hydra: DictConfig) -> None:
    """What Hydra's ``run_job`` leaves in a job's folder."""
    target.mkdir(exist_ok=True)
    for name, content in (
        ("config.yaml", OmegaConf.to_yaml(cfg)),
        ("hydra.yaml", "hydra:\n" + textwrap.indent(OmegaConf.to_yaml(hydra), "  ")),
        ("overrides.yaml", OmegaConf.to_yaml(hydra.overrides.task)),
    ):
        with naming(target / name):
            (target / name).write_text(content, encoding="utf-8")


def _set(cfg: DictConfig, override: Override) -> None:
    """Set a plain value as Hydra does."""
    try:
        OmegaConf.update(cfg, override.key_or_group, override.value(), merge=True)
    except (ConfigAttributeError, ConfigKeyError) as error:
        raise ConfigCompositionException(
            f"Could not override '{override.key_or_group}'."
        ) from error
