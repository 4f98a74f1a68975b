"""Which jobs of a sweep can share a stack, and how one is trained."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

from grok.errors import FailedJobError, named
from grok.job import finished_alike, forget_error, leave_error, make_member, setup
from grok.launch.order import coarse_to_fine
from grok.launch.places import Place, answers
from grok.record.record import finished
from grok.sweeps.composer import Composer, StackJob
from grok.sweeps.pace import Pace
from grok.sweeps.planned import Sweep

if TYPE_CHECKING:
    from grok.engine import Member

VARIES = ("phase", "seed")
"""Sections that may differ between the members of a stack; of task and optimizer, a part."""


def obstacle(sweep: Sweep) -> str | None:
    """Why a sweep's jobs can't be trained beside one another; None where they can."""
    logged = any(sweep.job(number).logger for number in range(len(sweep.plan.jobs)))
    return "A Lightning logger watches a single run" if logged else None


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


def groups(
    composer: Composer, overrides: Sequence[Sequence[str]], first: int = 0
) -> list[list[int]]:
    """Job numbers by structure, those of a group in the order in which they are to start.

    Args:
        composer: of the jobs.
        overrides: of each job.
        first: number of the first job.
    """
    jobs = [composer.compose(words) for words in overrides]
    found: dict[str, list[int]] = {}
    for number in coarse_to_fine([job.settings for job in jobs], first):
        found.setdefault(structure(jobs[number - first].cfg), []).append(number)
    return list(found.values())


def train(
    jobs: Iterable[StackJob | None],
    cfg: DictConfig,
    place: Place,
    failed: Callable[[int, str], None],
    pace: Pace,
) -> bool:
    """Train unfinished jobs in one stack; those that fail leave ``error.txt``.

    Args:
        jobs: of one structure, taken when a slot is free; None where the next isn't known yet.
        cfg: of any of them.
        place: where.
        failed: told the number and the message of each job that fails.
        pace: told how many steps have been taken.

    Returns:
        Whether the place can be trained in further: its GPU may be lost.
    """
    import torch

    from grok import training
    from grok.callbacks import Told

    under_way: dict[Path, int] = {}

    def fail(folder: Path, error: Exception) -> None:
        leave_error(folder, error)
        failed(under_way.pop(folder), named(error))

    def members() -> Iterator[Member | None]:
        for job in jobs:
            if job is None:
                yield None
                continue
            under_way[job.folder] = job.number
            try:
                if finished_alike(job.folder, job.cfg):
                    continue
                forget_error(job.folder)
                member = make_member(job.cfg, job.folder, job.choices["task"], job.settings)
            except Exception as error:
                fail(job.folder, error)
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
                extra=[Told(pace)],
                failed=lambda member, error: fail(member.folder, error),
            )
            return True
        except Exception as error:  # of no member in particular: it ends those that were in it
            lost = [folder for folder in under_way if not finished(folder)]
            lost = lost or [member.folder for member in itertools.islice(waiting, 1) if member]
            if not lost:
                raise
            if isinstance(error, torch.OutOfMemoryError):
                fewer = f"hydra.launcher.stack_size={max(1, len(lost) // 2)}"
                error = FailedJobError(f"{named(error)}; train fewer at a time: {fewer}")
            for folder in lost:
                fail(folder, error)
            if place.gpu is not None:  # what it held may still be there
                return answers(place.gpu)
