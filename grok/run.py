"""From a composed configuration to a trained member. Imports PyTorch only when it trains."""

from __future__ import annotations

import contextlib
import json
import logging
import traceback
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import InstantiationException
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from grok.checks import problems
from grok.errors import ConfigError
from grok.results import ERROR, Record, difference, finished, read_record, sound_record, tidy
from grok.sweep.overrides import settings_of

if TYPE_CHECKING:
    from lightning import Callback

    from grok.engine import Member


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
    if not finished_alike(folder, member.config):
        train([member], cfg)
    if hydra.mode is RunMode.RUN:
        print(outcome(read_record(folder)))


def finished_alike(folder: Path, config: dict[str, Any]) -> bool:
    """Whether the run that this configuration describes has finished in `folder`.

    Raises:
        ConfigError: another run has.
    """
    record = sound_record(folder)
    if record is None:
        return False
    changed = difference(record.config, json.loads(json.dumps(config)))
    if changed:
        raise ConfigError(f"{changed} in {folder}; choose another folder")
    tidy(folder)
    return True


def leave_error(folder: Path, error: Exception) -> None:
    """Write the traceback of a job that failed to its folder, unless a run has finished there."""
    if finished(folder):
        return
    with contextlib.suppress(OSError):  # where nothing can be written, its line tells all the same
        (folder / ERROR).write_text("".join(traceback.format_exception(error)))


def outcome(record: Record) -> str:
    """A run in a line."""
    settings = " ".join(f"{key}={value}" for key, value in record.overrides.items())
    times = f"T_train {record.t_train or '-':>6}  T_val {record.t_val or '-':>6}"
    return f"{record.phase:13}  {times}  {settings}"


def make_member(cfg: DictConfig, folder: Path, task_name: str, overrides: dict[str, Any]) -> Member:
    """The member that a checked configuration describes."""
    from grok.engine import Member

    return Member(
        folder=folder,
        task=instantiate(cfg.task, _convert_="all"),
        opt=instantiate(cfg.opt, _convert_="all"),
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


def train(
    members: Iterable[Member],
    cfg: DictConfig,
    size: int = 1,
    gpu: int | None = None,
    extra: Sequence[Callback] = (),
    failed: Callable[[Member, Exception], None] | None = None,
) -> None:
    """Train `members` in one stack until each has ended and written its record.

    Args:
        members: all of one task, shape and precision; taken in this order when a slot is free.
        cfg: the configuration of any of them, for what they share.
        size: number of slots, at most as many as a GPU's memory holds.
        gpu: number of the GPU to use where the trainer uses one; the first by default.
        extra: Lightning callbacks besides the configured ones.
        failed: see `grok.engine.StackModule`.
    """
    import torch
    from lightning import Trainer

    from grok.callbacks import KeptWeights, Measures, PhaseDetection, RecordWriter
    from grok.engine import StackModule

    quieten()
    torch.set_num_threads(cfg.engine.threads)
    precision = cfg.trainer.precision
    measures = make(cfg, "measures")
    kept = KeptWeights(cfg.weights.moments, cfg.weights.every)
    # Phase detection decides where a member's rows end, so it comes first; the record closes
    # a member's folder, so it is written last.
    callbacks = [PhaseDetection(), Measures(measures), *make(cfg, "callbacks").values(), *extra]
    if cfg.weights.moments or cfg.weights.every:
        callbacks.append(kept)
    callbacks.append(RecordWriter(precision))
    loggers = list(make(cfg, "logger").values())
    module = StackModule(
        members,
        section(cfg.engine),
        dtype=torch.float64 if precision == "64-true" else torch.float32,
        size=size,
        measures=measures | kept.measures,
        revisiting=bool(cfg.weights.moments),
        failed=failed,
    )
    on_gpu = cfg.trainer.accelerator != "cpu" and torch.cuda.is_available()
    trainer = Trainer(
        accelerator="cuda" if on_gpu else "cpu",
        devices=[gpu or 0] if on_gpu else 1,
        precision=precision,
        # where an operation has no such way on a GPU, PyTorch says so
        deterministic="warn" if on_gpu else None,
        max_epochs=1,
        callbacks=callbacks,
        logger=loggers or False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
    )
    try:
        trainer.fit(module)
    except SystemExit:  # Lightning's way to end after an interrupt
        raise KeyboardInterrupt from None


def make(cfg: DictConfig, name: str) -> Any:
    """The objects that a section of the configuration describes by ``_target_``, by name.

    Raises:
        ConfigError: a class can't be found, or refuses its settings.
    """
    try:
        found = instantiate(cfg[name] or {}, _convert_="all")
        return found if isinstance(found, dict) else dict(found)
    except InstantiationException as error:
        cause = " ".join(str(error.__cause__ or error).split())
        raise ConfigError(f"{name}: {cause}") from error


def quieten() -> None:
    """Silence what the libraries say about matters that are settled here."""
    for name in ("lightning.pytorch", "lightning.fabric", "torch.utils.cpp_extension"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for module in ("lightning.*", "torch._inductor.*"):
        warnings.filterwarnings("ignore", module=module)
