"""How jobs of ``train.py`` are stacked: what the ``stacked`` launcher asks of the application."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
from omegaconf import DictConfig, OmegaConf

from grok.config import first_line
from grok.results import finished
from grok.sweep.compose import StackJob

if TYPE_CHECKING:
    from grok.engine import Member

VARIES = ("opt", "phase", "seed")
"""Sections that may differ between the members of a stack."""
CPU_STACK = 4
"""Members whose parameters and moments fit a core's cache together."""

log = logging.getLogger(__name__)


def obstacle(cfg: DictConfig) -> str | None:
    """Why a job can't be trained beside others; None where it can."""
    return "A Lightning logger watches a single run" if cfg.logger else None


def structure(cfg: DictConfig) -> str:
    """What must be equal for two jobs to share a stack: all that may not vary in one."""
    content: Any = OmegaConf.to_container(cfg, resolve=False)
    for section in VARIES:
        del content[section]
    del content["task"]["init_scale"]
    return json.dumps(content, sort_keys=True)


def workers(cfg: DictConfig, jobs: int, wanted: int | str) -> int:
    """Processes to train `jobs` of one structure with, `wanted` unless that is ``auto``."""
    cores = joblib.cpu_count() if cfg.trainer.accelerator == "cpu" else 1
    return min(jobs, cores if wanted == "auto" else int(wanted))


def train(jobs: Iterable[StackJob], cfg: DictConfig, size: int | str) -> dict[int, str]:
    """Train unfinished jobs in one stack; those that fail leave ``error.txt``.

    Args:
        jobs: of one structure, taken when a slot is free.
        cfg: of any of them.
        size: slots of the stack, or ``auto``.

    Returns:
        Number and message of each job that failed.
    """
    from grok import run

    numbers: dict[Path, int] = {}
    failures: dict[int, str] = {}

    def members() -> Iterator[Member]:
        for job in jobs:
            if not finished(job.folder):
                numbers[job.folder] = job.number
                yield run.make_member(job.cfg, job.folder, job.choices["task"], job.settings)

    def failed(member: Member, error: Exception) -> None:
        run.leave_error(member.folder, error)
        failures[numbers[member.folder]] = f"{type(error).__name__}: {first_line(error)}"

    run.train(members(), cfg, CPU_STACK if size == "auto" else int(size), failed=failed)
    return failures
