"""What a sweep can't be made of, found before its jobs are composed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig


def axis_problems(overrides: Sequence[Override]) -> Iterable[str]:
    """A line for each override that sweeps over no values."""
    for override in overrides:
        if override.is_interval_sweep():
            yield f"{override.input_line}: has no values of its own; list some, such as 1,2,5"
        elif override.is_sweep_override() and (reason := _empty(override)):
            yield f"{override.input_line}: {reason}"


def _empty(override: Override) -> str | None:
    """Why a sweep has no values; None where it has some."""
    try:
        if next(iter(override.sweep_iterator()), None) is not None:
            return None
    except Exception:  # a step of 0, which ranges of whole numbers and others tell differently
        return "must have a step that isn't 0, such as range(1,5,2)"
    if override.is_range_sweep():
        return "has no values; a range goes from its start to below its stop, such as range(1,5)"
    return "matches no option of a group; list the values, such as 1,2,5"


def sweeper_problems(hydra: DictConfig, keys: Sequence[str]) -> Iterable[str]:
    """A line for each setting that no sweep can be launched with."""
    batch: Any = hydra.sweeper.max_batch_size
    if batch is not None and batch < 1:
        yield f"hydra.sweeper.max_batch_size={batch}: must be at least 1 job, or null for all"
    if hydra.launcher.get("n_jobs") == 0:
        yield "hydra.launcher.n_jobs=0: must be at least 1 process, or -1 for one a core"
    if "experiment" in keys and hydra.sweeper.params:
        yield "experiment: each is a sweep of its own; run one after another"
