"""A sweep as its folder says it, composed again by whoever works on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_automatic_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from grok.checks.words import typed
from grok.composing import CONF, VERSION_BASE, register
from grok.errors import UserError
from grok.record.difference import difference
from grok.record.record import Plan, read_plan
from grok.sweeps import functions, loader
from grok.sweeps.composer import Composer
from grok.working_folder import make_importable

PATHS = {"main": "config_path", "command-line": "config_dir"}
"""Hydra's name for a source of options, and the option of the command line that names it."""
FOLDER = "hydra.sweep.dir"


@dataclass
class Sweep:
    """A sweep and what trains it.

    Attributes:
        folder: of the sweep.
        plan: its jobs, as in ``plan.json``.
        master: the sweep's own configuration, with ``hydra``.
        composer: of its jobs.
    """

    folder: Path
    plan: Plan
    master: DictConfig
    composer: Composer

    def job(self, number: int) -> DictConfig:
        """The configuration of a job, to be left as it is."""
        return self.composer.compose(self.plan.overrides[number]).cfg


def command_of(master: DictConfig) -> dict[str, Any]:
    """What a worker composes a sweep's jobs with besides their overrides, as plain data.

    Args:
        master: the sweep's own configuration, with ``hydra``.
    """
    hydra = master.hydra
    paths = {source.provider: source.path for source in hydra.runtime.config_sources}
    found = {option: paths.get(provider) for provider, option in PATHS.items()}
    if found["config_path"] == str(CONF):  # another machine may have it elsewhere
        found["config_path"] = None
    return {
        "job_name": str(hydra.job.name),
        "config_name": str(hydra.job.config_name),
        "launcher": str(hydra.runtime.choices["hydra/launcher"]),
        "hydra": [str(word) for word in hydra.overrides.hydra],
        "task": [str(word) for word in hydra.overrides.task],
        "cwd": str(hydra.runtime.cwd),
        **found,
    }


def planned(folder: Path, words: Sequence[str] = ()) -> Sweep:
    """The sweep of `folder` for a worker: composed anew, in a process where Hydra isn't at work.

    Args:
        words: for ``hydra.launcher``, which is ``stacked``, besides those the sweep began with.

    Raises:
        UserError: no sweep has begun there, or with a version that left no overrides, or its
            configuration is another by now.
    """
    folder = folder.absolute()
    plan = begun(folder)
    command = plan.command
    extend_hydra(command["cwd"])
    path = create_automatic_config_search_path(None, None, command["config_path"] or str(CONF))
    if command["config_dir"]:
        schema = SearchPathQuery(provider="schema")
        path.prepend("command-line", f"file://{command['config_dir']}", anchor=schema)
    version.setbase(VERSION_BASE)
    GlobalHydra.instance().clear()
    hydra = Hydra.create_main_hydra2(command["job_name"], path)
    assert isinstance(hydra.config_loader, loader.SweepLoader)
    hydra.config_loader.begun = True
    master = hydra.compose_config(
        command["config_name"],
        [*_of_hydra(folder, command), *words, *command["task"]],
        RunMode.MULTIRUN,
    )
    sweep = Sweep(folder, plan, master, Composer(hydra.config_loader, master))
    if changed := difference(plan.common, common_of(sweep.composer, plan.overrides)):
        raise UserError(
            f"{folder}: {changed}, when the sweep began; put that back, or begin another sweep"
        )
    return sweep


def common_of(composer: Composer, jobs: Sequence[Sequence[str]]) -> Any:
    """What a plan says of the configuration besides what is swept: that of its first job."""
    return OmegaConf.to_container(composer.compose(jobs[0]).cfg)


def begun(folder: Path) -> Plan:
    """The plan of the sweep of `folder`.

    Raises:
        UserError: there is none, or one of a version that left no overrides.
    """
    plan = read_plan(folder)
    if plan is None:
        raise UserError(f"{folder}: no sweep has begun there (no plan.json); give a sweep's folder")
    if len(plan.overrides) != len(plan.jobs):
        raise UserError(
            f"{folder}: begun by an earlier version, whose plan lacks overrides; give the command "
            "that it began with once more"
        )
    return plan


def extend_hydra(folder: str | None = None) -> None:
    """Have Hydra know the schema, the functions and the loader, and Python the user's modules.

    Args:
        folder: where they are; by default the working folder.
    """
    make_importable(folder)
    register()
    loader.register()
    functions.register()


def _of_hydra(folder: Path, command: dict[str, Any]) -> Iterator[str]:
    """The words for Hydra of a sweep's command, for a worker and with the folder as seen here."""
    stacked = command["launcher"] == "stacked"
    for word in command["hydra"]:
        override = OverridesParser.create().parse_override(word)
        key = override.key_or_group
        if stacked or not key.replace("/", ".").startswith("hydra.launcher"):
            yield word
    if not stacked:
        yield "hydra/launcher=stacked"
    yield typed(FOLDER, str(folder))  # whatever it was begun as, and from where
