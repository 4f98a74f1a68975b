"""What a member leaves on disk: the record, written at once and durably, read without torch.

A member's folder holds ``result.json`` (a `Record`), ``curves.csv`` and whatever else its
callbacks add. ``result.json`` is written last, so a folder that has one is finished. A sweep's
folder holds one such folder a job, named by job number, and ``plan.json`` (a `Plan`). A member
under way has a ``checkpoint.pt``. Records and plans hold a checksum of their own, and records one
of each other file; what was written before there were any is read without.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from grok.errors import DamagedFileError
from grok.record import damage
from grok.record.files import atomic_path
from grok.record.meaning import EARLIER_ROLES
from grok.record.names import CHECKPOINT, ERROR, LEFT, PLAN, RESULT, STEP_COLUMNS

SCHEMA = 1
REMAKE = "delete its run and run it again"
"""What to do about a file that a member left besides its record."""


@dataclass
class Record:
    """The outcome of one member and what is needed to train it again.

    Attributes:
        task: name of the task's config, as in ``task=toy_regression``.
        phase: see `grok.phases.classify`.
        t_train, t_val: first optimizer step (from 1) at the threshold; None if never reached.
        budget: maximum number of optimizer steps.
        steps: optimizer steps until the member ended.
        stop_reason: ``early_stop`` (both thresholds reached), ``budget`` or ``diverged``.
        diverged: whether loss or weights went non-finite.
        overrides: the job's own settings, full key to value.
        config: the whole composed configuration.
        columns: what was measured, and which way it is better (``higher``, ``lower`` or None).
        roles: what keys of the optimizer and the task mean, see `grok.record.meaning`.
        final: of each column the value at the last step, or the last that was measured.
        best: the lowest or the highest over all steps with accuracies, where one is better.
        weight_norm: L2 norm of all parameters ``initial``, at ``t_train``, at ``t_val``, ``final``;
            and, where it is a constraint, that which is ``held``, of the groups that it is for.
        decay_per_step: the share that weight decay takes of every weight in a step; None where it
            isn't the same for all weights and steps.
        weights: moments of which there are weights in the folder; see `grok.load_member`.
        wall_seconds: the member's share of the time that its stack's steps took.
        device: ``cpu``, or the model of the GPU; ``cpu`` is the model of the CPU.
        versions: package name to version.
        git_revision: the commit of grok's own checkout, None where it is installed otherwise.
        task_origin: where a task that isn't grok's own comes from, see `provenance.origin`.
        files: the other files that the member left, and the checksum of each.
    """

    task: str
    phase: str
    t_train: int | None
    t_val: int | None
    budget: int
    threshold: float
    grokking_gap: int
    steps: int
    stop_reason: str
    diverged: bool
    overrides: dict[str, Any] = field(default_factory=dict)
    seeds: dict[str, int] = field(default_factory=dict)
    columns: dict[str, str | None] = field(default_factory=lambda: dict(STEP_COLUMNS))
    roles: dict[str, str] = field(default_factory=lambda: dict(EARLIER_ROLES))
    final: dict[str, float | None] = field(default_factory=dict)
    best: dict[str, float | None] = field(default_factory=dict)
    weight_norm: dict[str, float | None] = field(default_factory=dict)
    decay_per_step: float | None = None
    weights: list[str] = field(default_factory=list)
    precision: str = "32-true"
    device: str = "cpu"
    host: str | None = None
    cpu: str | None = None
    compiled: bool = False
    wall_seconds: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)
    git_revision: str | None = None
    task_origin: dict[str, str | None] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA


@dataclass
class Plan:
    """The jobs of a sweep, finished or not.

    Attributes:
        keys: full names of the swept keys, in the order of the command line.
        jobs: one dictionary a job, swept key to value; job ``i`` writes to the folder ``str(i)``.
        common: the configuration of the first job, for what all have in common.
        overrides: of each job, for whoever trains it; none in plans of earlier versions.
        command: what else a worker composes them with, see `grok.sweeps.planned`.
        refine: whether only jobs that `grok.sweeps.refine` wants are trained.
    """

    keys: list[str]
    jobs: list[dict[str, Any]]
    common: dict[str, Any] = field(default_factory=dict)
    overrides: list[list[str]] = field(default_factory=list)
    command: dict[str, Any] = field(default_factory=dict)
    refine: bool = False
    schema: int = SCHEMA


log = logging.getLogger(__name__)


def _write(path: Path, content: Record | Plan) -> None:
    """Write strict JSON (non-finite numbers must be None by now) with its checksum."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        json.dump(damage.signed(asdict(content)), file, indent=1)
        file.write("\n")


def write_record(folder: Path, record: Record) -> None:
    """Mark `folder` finished by writing its ``result.json``, with the checksums of its files."""
    left = sorted(path for pattern in LEFT for path in folder.glob(pattern))
    files = {path.relative_to(folder).as_posix(): damage.of_file(path) for path in left}
    _write(folder / RESULT, replace(record, files=files))


def read_record(folder: Path) -> Record:
    """The record in `folder`.

    Raises:
        DamagedFileError: ``result.json`` isn't what was written.
        UserError: it is of a newer version, or can't be read.
    """
    return damage.read(folder / RESULT, Record, _record, "delete it and run its job again")


def sound_record(folder: Path) -> Record | None:
    """The record of a member that has ended; a damaged one is set aside, as if it hadn't.

    Raises:
        UserError: it is of a newer version, or can't be read.
    """
    if not finished(folder):
        return None
    try:
        return read_record(folder)
    except DamagedFileError as error:
        aside = folder / f"{RESULT}.damaged"
        log.warning("%s; now %s, and its member is trained again", error.problem, aside.name)
        os.replace(folder / RESULT, aside)
        return None


def check_file(folder: Path, name: str, record: Record) -> None:
    """Hold a file that the member of `folder` left against its record.

    Raises:
        DamagedFileError: it isn't what was there when the record was written, or it is gone.
    """
    path = folder / name
    if name in record.files and not path.exists():
        raise DamagedFileError(f"{path}: missing, and {RESULT} names it", REMAKE)
    try:
        if name in record.files and damage.of_file(path) != record.files[name]:
            raise ValueError(f"its checksum isn't the one in {RESULT}")
    except (OSError, ValueError) as error:
        raise damaged_file(path, error) from None


def damaged_file(path: Path, problem: object) -> DamagedFileError:
    """What is wrong with a file that a member left besides its record, in a line."""
    return DamagedFileError(f"{path}: damaged ({' '.join(str(problem).split())})", REMAKE)


def write_plan(folder: Path, plan: Plan) -> None:
    """Write the sweep's plan to its folder."""
    _write(folder / PLAN, plan)


def read_plan(folder: Path) -> Plan | None:
    """The plan of the sweep in `folder`, None where none was written.

    Raises:
        DamagedFileError: ``plan.json`` isn't what was written.
        UserError: it is of a newer version, or can't be read.
    """
    if not (folder / PLAN).exists():
        return None
    return damage.read(folder / PLAN, Plan, _plan, "delete it and run again")


def finished(folder: Path) -> bool:
    """Whether the member of `folder` has ended and left its record."""
    return (folder / RESULT).is_file()


def tidy(folder: Path) -> None:
    """Remove what led to a record: checkpoint, error, and what a killed process was writing."""
    for path in (folder / CHECKPOINT, folder / ERROR, *folder.rglob(".*.tmp")):
        path.unlink(missing_ok=True)


def _record(content: dict[str, Any]) -> Record:
    if "decay_per_step" not in content:  # of an earlier version
        content = content | {"decay_per_step": damage.decay(content.get("config"))}
    record = damage.build(Record, content)
    damage.check_record(record)
    return record


def _plan(content: dict[str, Any]) -> Plan:
    if "common" in content and content["common"] is None:  # of a sweep without jobs
        content = content | {"common": {}}
    plan = damage.build(Plan, content)
    damage.check_plan(plan)
    return plan
