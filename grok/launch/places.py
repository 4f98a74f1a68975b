"""Where workers train: in how many processes, with how many slots each, on which GPUs."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from hydra.utils import get_class
from omegaconf import DictConfig

from grok.composing import made
from grok.errors import ConfigError

CPU_STACK = 7 * 2**19
"""Bytes of members in a stack on a core, where those that are compiled together are fastest. Those
that are recorded go one by one and are as fast in any (docs/performance.md)."""

WORTH_A_WORKER = 10**10
"""Numbers that members go through on a core while a process starts and compiles the step."""


class Place(NamedTuple):
    """Where one worker trains: with how many slots, and on which GPU (None is the CPU).

    Attributes:
        sharing: workers on that GPU, this one among them.
    """

    slots: int
    gpu: int | None
    sharing: int = 1


def places(
    cfg: DictConfig,
    jobs: int,
    stack_size: int | str = "auto",
    workers: int | str = "auto",
    devices: str | list[int] = "auto",
) -> list[Place]:
    """A place for each worker of this machine that trains `jobs` of one structure.

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
    if stack_size != "auto":
        from grok.engine.sizes import BLOCK

        slots -= slots % BLOCK if slots > BLOCK else 0
    seats = [gpus[i % len(gpus)] for i in range(count)]
    return [Place(slots, gpu, seats.count(gpu)) for gpu in seats]


def answers(gpu: int) -> bool:
    """Whether a GPU does what it is told; after some errors it doesn't for this process."""
    import torch

    try:
        return bool(torch.ones(1, device=f"cuda:{gpu}").item())
    except Exception:
        return False


def worthwhile(cfg: DictConfig, jobs: int) -> float:
    """How many workers of this machine `jobs` of one structure keep busy, by their budget.

    On a CPU a short sweep is over sooner in one process than in several, each of which starts and
    compiles for itself.
    """
    if cfg.trainer.accelerator != "cpu" or plain(cfg):
        return jobs
    from grok.tasks.model import working_set

    numbers = working_set(made(cfg.task)) * int(cfg.phase.budget)
    return jobs * numbers / WORTH_A_WORKER


def plain(cfg: DictConfig) -> bool:
    """Whether members train on the plain path, each alone."""
    task: Any = get_class(cfg.task._target_)
    return bool(cfg.engine.plain) or not task.STACKABLE


def cpu_stack(cfg: DictConfig) -> int:
    """How many members are a stack on a core: few small ones, a large one alone."""
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
