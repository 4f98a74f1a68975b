"""A Hydra job: from a composed configuration to a member. Imports PyTorch only to train."""

from __future__ import annotations

import contextlib
import json
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from grok import program
from grok.checks.config import problems
from grok.composing import made, settings_of
from grok.errors import ConfigError, cause
from grok.printable import show
from grok.record.difference import check_alike
from grok.record.names import ERROR
from grok.record.record import Record, finished, read_record, sound_record, tidy

if TYPE_CHECKING:
    from grok.engine import Member
    from grok.training import Setup


def run(cfg: DictConfig) -> None:
    """Train the one member of a Hydra job in the job's output folder.

    Raises:
        ConfigError: a value is out of range; a line for each.
    """
    found = problems(cfg)
    if found:
        raise ConfigError(*found)
    hydra = HydraConfig.get()
    if hydra.mode is RunMode.RUN and hydra.sweeper.get("params"):
        raise ConfigError("this configuration is a sweep, not a single run; add -m")
    folder = Path(hydra.runtime.output_dir)
    member = make_member(
        cfg,
        folder,
        task_name=hydra.runtime.choices["task"],
        overrides=settings_of(
            OverridesParser.create().parse_overrides(list(hydra.overrides.task)),
            cfg,
            hydra.runtime.choices,
        ),
    )
    if not finished_alike(folder, cfg):
        from grok.callbacks import Shown
        from grok.training import train

        forget_error(folder)
        train([member], setup(cfg), extra=[Shown()] if hydra.mode is RunMode.RUN else [])
    if hydra.mode is RunMode.RUN:
        show(f"{outcome(read_record(folder))}\n{program.to_draw(folder)}")


def finished_alike(folder: Path, cfg: DictConfig) -> bool:
    """Whether the run that a checked configuration describes has finished in `folder`.

    Raises:
        ConfigError: another run has.
    """
    record = sound_record(folder)
    if record is None:
        return False
    # of a sweep's job it isn't known yet where a logger writes, nor does it matter
    known = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "logger"])
    config = OmegaConf.to_container(known, resolve=True)
    check_alike(record.config, json.loads(json.dumps(config)), folder)
    tidy(folder)
    return True


def leave_error(folder: Path, error: Exception) -> None:
    """Write the traceback of a job that failed to its folder, unless a run has finished there."""
    if finished(folder):
        return
    text = "".join(traceback.format_exception(error))
    with contextlib.suppress(OSError):  # where nothing can be written, its line tells all the same
        (folder / ERROR).write_text(text, encoding="utf-8", errors="backslashreplace")


def forget_error(folder: Path) -> None:
    """Remove what a job that failed has left: it is tried again."""
    (folder / ERROR).unlink(missing_ok=True)


def outcome(record: Record) -> str:
    """A run in a line."""
    # of options chosen side by side, such as measures, their names
    named = {key: [*v] if isinstance(v, dict) else v for key, v in record.overrides.items()}
    settings = " ".join(f"{key}={value}" for key, value in named.items())
    times = f"T_train {record.t_train or '-':>6}  T_val {record.t_val or '-':>6}"
    diverged = f"diverged at step {record.steps}  " if record.diverged else ""
    return f"{record.phase:13}  {times}  {diverged}{settings}"


def make_member(cfg: DictConfig, folder: Path, task_name: str, overrides: dict[str, Any]) -> Member:
    """The member that a checked configuration describes."""
    from grok.engine import Member

    return Member(
        folder=folder,
        task=made(cfg.task),
        opt=made(cfg.opt),
        phase=section(cfg.phase),
        seed=section(cfg.seed),
        constrain=tuple(sorted(cfg.norm.groups)) if cfg.norm.constrain else (),
        task_name=task_name,
        config=cast("dict[str, Any]", OmegaConf.to_container(cfg, resolve=True)),
        overrides=overrides,
    )


def section(cfg: DictConfig) -> Any:
    """A section of the configuration as the dataclass that is its schema."""
    return OmegaConf.to_object(cfg)


def setup(cfg: DictConfig) -> Setup:
    """What a checked configuration says of training, for all members of a stack.

    Raises:
        ConfigError: a class can't be found, or refuses its settings.
    """
    from grok.training import Setup

    return Setup(
        engine=section(cfg.engine),
        trainer=section(cfg.trainer),
        weights=section(cfg.weights),
        measures=make(cfg, "measures"),
        callbacks=list(make(cfg, "callbacks").values()),
        loggers=list(make(cfg, "logger").values()),
    )


def make(cfg: DictConfig, name: str) -> Any:
    """The objects that a section of the configuration describes by ``_target_``, by name.

    Raises:
        ConfigError: a class can't be found, or refuses its settings.
    """
    try:
        return made(cfg[name] or {})
    except InstantiationException as error:
        raise ConfigError(f"{name}: {cause(error)}") from error
