"""How jobs of ``train.py`` are stacked: what the ``stacked`` launcher asks of the application."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

from grok.composing import made
from grok.errors import ConfigError, named
from grok.job import finished_alike, leave_error, make_member, setup
from grok.record.record import finished
from grok.sweeps.composer import StackJob

if TYPE_CHECKING:
    from grok.engine import Member

VARIES = ("phase", "seed")
"""Sections that may differ between the members of a stack; of task and optimizer, a part."""
CPU_STACK = 7 * 2**19
"""Bytes of members that were found fastest together on a core (docs/performance.md)."""


def obstacle(cfg: DictConfig) -> str | None:
    """Why a job can't be trained beside others; None where it can."""
    return "A Lightning logger watches a single run" if cfg.logger else None


def structure(cfg: DictConfig) -> str:
    """What must be equal for two jobs to share a stack: all that may not vary in one."""
    content: Any = OmegaConf.to_container(cfg, resolve=True)
    for section in VARIES:
        del content[section]
    task: Any = get_class(cfg.task._target_)
    for key in task.VARYING:
        content["task"].pop(key, None)
    opt = content["opt"]
    target = opt.pop("_target_")
    content["opt"] = [target, str(get_class(target)(**opt).shared())]
    return json.dumps(content, sort_keys=True)


class Place(NamedTuple):
    """Where one worker trains: with how many slots, and on which GPU (None is the CPU).

    Attributes:
        sharing: workers on that GPU, this one among them.
    """

    slots: int
    gpu: int | None
    sharing: int = 1


def places(
    cfg: DictConfig, jobs: int, stack_size: int | str, workers: int | str, devices: str | list[int]
) -> list[Place]:
    """A place for each worker that trains `jobs` of one structure.

    Args:
        stack_size, workers: numbers, or ``auto``: on a CPU a process a core, with `cpu_stack`
            slots; a process a GPU with its share of the jobs, or as many as its memory holds.
        devices: numbers of the GPUs to use, or ``auto`` for all.

    Raises:
        ConfigError: a GPU isn't there, or not trained on.
    """
    import joblib  # a tenth of a second that --help does without

    gpus = _gpus(cfg.trainer.accelerator, devices)
    if plain(cfg):
        if stack_size not in ("auto", 1):
            raise ConfigError(
                f"hydra.launcher.stack_size={stack_size}: engine.plain, and a task that isn't "
                "STACKABLE, train one member at a time; leave it at auto"
            )
        stack_size = 1
    count = min(jobs, (len(gpus) or joblib.cpu_count()) if workers == "auto" else int(workers))
    share = math.ceil(jobs / count)
    if stack_size == "auto":
        slots = share if gpus else min(share, cpu_stack(cfg))
    else:
        slots = int(stack_size)
    if not gpus:
        return [Place(slots, None)] * count
    seats = [gpus[i % len(gpus)] for i in range(count)]
    return [Place(slots, gpu, seats.count(gpu)) for gpu in seats]


def plain(cfg: DictConfig) -> bool:
    """Whether members train on the plain path, each alone."""
    task: Any = get_class(cfg.task._target_)
    return bool(cfg.engine.plain) or not task.STACKABLE


def cpu_stack(cfg: DictConfig) -> int:
    """How many members are fastest together on a core: few small ones, a large one alone."""
    from grok.tasks.model import working_set

    numbers = working_set(made(cfg.task))
    return max(1, CPU_STACK // (numbers * (8 if cfg.trainer.precision == "64-true" else 4)))


def _gpus(accelerator: str, devices: str | list[int]) -> list[int]:
    if accelerator == "cpu":
        found = 0
    else:
        import torch

        found = torch.cuda.device_count()
    if isinstance(devices, str):
        return list(range(found))
    for number in devices:
        if not (isinstance(number, int) and 0 <= number < found):
            raise ConfigError(
                f"hydra.launcher.devices={devices}: GPU {number} can't be used, there are {found}"
                f" with trainer.accelerator={accelerator}; leave it at auto"
            )
    return list(devices)


def train(jobs: Iterable[StackJob], cfg: DictConfig, place: Place) -> dict[int, str]:
    """Train unfinished jobs in one stack; those that fail leave ``error.txt``.

    Args:
        jobs: of one structure, taken when a slot is free.
        cfg: of any of them.
        place: where.

    Returns:
        Number and message of each job that failed.
    """
    from grok import training

    numbers: dict[Path, int] = {}
    failures: dict[int, str] = {}

    def failed(folder: Path, error: Exception) -> None:
        leave_error(folder, error)
        failures[numbers[folder]] = named(error)

    def members() -> Iterator[Member]:
        for job in jobs:
            numbers[job.folder] = job.number
            try:
                member = make_member(job.cfg, job.folder, job.choices["task"], job.settings)
                if finished_alike(job.folder, member.config):
                    continue
            except Exception as error:
                failed(job.folder, error)
            else:
                yield member

    waiting = members()
    while True:
        try:
            training.train(
                waiting,
                setup(cfg),
                place.slots,
                gpu=place.gpu,
                sharing=place.sharing,
                failed=lambda member, error: failed(member.folder, error),
            )
            return failures
        except Exception as error:  # of no member in particular: it ends those that were in it
            lost = [
                folder
                for folder, number in numbers.items()
                if number not in failures and not finished(folder)
            ]
            lost = lost or [member.folder for member in itertools.islice(waiting, 1)]
            if not lost:
                raise
            for folder in lost:
                failed(folder, error)
            if place.gpu is not None:  # it may be lost, so the rest is left to other workers
                return failures
