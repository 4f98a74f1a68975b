"""What a sweep can't be made of, found before its jobs are composed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, Override, RangeSweep
from omegaconf import DictConfig, OmegaConf

from grok.errors import first_line

MOST_JOBS = 10**5
OBSERVERS = ("measures", "callbacks", "logger")
"""Groups of which several may be chosen, and by which no member trains otherwise."""


def axis_problems(overrides: Sequence[Override]) -> Iterable[str]:
    """A line for each override that sweeps over no values, and one for too many jobs."""
    for override in overrides:
        if override.is_interval_sweep():
            yield f"{override.input_line}: has no values of its own; list some, such as 1,2,5"
        elif override.is_sweep_override() and (reason := _empty(override) or _odd(override)):
            yield f"{override.input_line}: {reason}"

    numbers = {override.key_or_group: _values(override) for override in overrides}
    if (jobs := math.prod(numbers.values())) > MOST_JOBS:
        key = max(numbers, key=lambda key: numbers[key])
        yield f"{key}: sweeps over {numbers[key]} values, {jobs} jobs in all; at most {MOST_JOBS}"


def _values(override: Override) -> int:
    """How many values an override gives its key, told without expanding them."""
    value = override._value
    if isinstance(value, ChoiceSweep):
        return len(value.list)
    if isinstance(value, RangeSweep) and None not in (value.start, value.stop) and value.step:
        return max(1, math.ceil((value.stop - value.start) / value.step))  # type: ignore[operator]
    return 1


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


def _odd(override: Override) -> str | None:
    """Why a sweep can hardly be meant; None where it can."""
    key, value = override.key_or_group, override._value
    if isinstance(value, RangeSweep):
        start, stop = value.start or 0, value.stop or 0
        if abs(value.step) > abs(stop - start):
            ends = f"{start:g},{stop:g},{value.step:g}"
            return f"has one value, for a step goes beyond its end; for several, linspace({ends})"
    if key in OBSERVERS and isinstance(value, ChoiceSweep) and len(value.list) > 1:
        both = ",".join(map(str, value.list))
        return f"would train each member once for each; for all of them write {key}=[{both}]"
    return None


def sweeper_problems(hydra: DictConfig) -> Iterable[str]:
    """A line for each setting that no sweep can be launched with."""
    if hydra.job.chdir and hydra.runtime.choices["hydra/launcher"] == "stacked":
        yield "hydra.job.chdir=true: many jobs train in one process here; leave it out"
    if hydra.runtime.choices["hydra/launcher"] == "stacked":
        env: Any = OmegaConf.to_container(hydra.job.env_set, resolve=False)
        for key, value in env.items():
            if "${hydra" in str(value):
                yield (
                    f"hydra.job.env_set.{key}={value}: may differ between jobs, of which many "
                    "train in one process here; leave it out"
                )
    batch: Any = hydra.sweeper.max_batch_size
    if batch is not None and batch < 1:
        yield f"hydra.sweeper.max_batch_size={batch}: must be at least 1 job, or null for all"
    if hydra.sweeper.get("refine"):
        if hydra.runtime.choices["hydra/launcher"] != "stacked":
            yield "hydra.sweeper.refine=true: needs hydra/launcher=stacked, which waits for phases"
        if batch is not None:
            yield f"hydra.sweeper.max_batch_size={batch}: must be null with refine=true"
    if batch is not None and not hydra.launcher.get("wait", True):
        yield f"hydra.sweeper.max_batch_size={batch}: must be null with hydra.launcher.wait=false"
    if "n_jobs" not in hydra.launcher:
        return
    if hydra.launcher.n_jobs == 0:
        yield "hydra.launcher.n_jobs=0: must be at least 1 process, or -1 for one a core"
    for key, value in hydra.launcher.items():
        if key != "_target_" and (reason := _refused_by_joblib(str(key), value)):
            yield f"hydra.launcher.{key!s}={value}: {reason}"


def _refused_by_joblib(key: str, value: Any) -> str | None:
    """Why joblib can't be launched with a setting; None where it can."""
    from joblib import Parallel

    try:
        Parallel(**{key: value})
    except Exception as error:
        return first_line(error)
    return None
