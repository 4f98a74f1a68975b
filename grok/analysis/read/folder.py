"""The plan and the records in a sweep's folder; a record that is damaged is told, and left out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from grok.errors import DamagedFileError, UserError
from grok.record.names import CHECKPOINT, ERROR, PLAN, RESULT
from grok.record.record import Plan, Record, finished, read_plan, read_record
from grok.sweeps.refine import refine

MOST_DIGITS = 9
"""Of a job's number."""

log = logging.getLogger(__name__)


class Contents(NamedTuple):
    """What is in a sweep's folder.

    Attributes:
        plan: None where none was written.
        folders: every job's, whether it has finished or not.
        records: those of the finished members, by job.
        damaged: a line for each record that can't be used, by its path.
    """

    plan: Plan | None
    folders: dict[int, Path]
    records: dict[int, Record]
    damaged: dict[Path, str]


def read_folder(folder: Path) -> Contents:
    """What is in the folder of a sweep or of a solo run.

    Raises:
        UserError: it isn't there or holds no sweep, or its plan or its only record can't be used.
    """
    plan, folders = _find(folder)
    found = Contents(plan, folders, {}, {})
    for job, where in folders.items():
        if not finished(where):
            continue
        try:
            found.records[job] = _record(where, plan.jobs[job] if plan is not None else {})
        except UserError as error:
            if plan is None and len(folders) == 1:
                raise
            found.damaged[where / RESULT] = str(error)
            log.warning("%s; until then its member counts as missing", error)
    return found


def implied_phases(
    plan: Plan | None, folders: Mapping[int, Path], phases: Mapping[int, str]
) -> dict[int, str]:
    """The phases of the jobs that needn't be trained; none of a sweep that isn't refined.

    Args:
        folders: every job's.
        phases: of the members that have finished.
    """
    if plan is None or not plan.refine:
        return {}
    unfinished = folders.keys() - phases.keys()
    failed = {job for job in unfinished if (folders[job] / ERROR).exists()}
    running = {job for job in unfinished if (folders[job] / CHECKPOINT).exists()}
    implied = refine(plan.jobs, phases, failed).implied
    return {job: phase for job, phase in implied.items() if job not in running}


def _find(folder: Path) -> tuple[Plan | None, dict[int, Path]]:
    """The plan and the folder of every job, whether it has finished or not."""
    if not folder.is_dir():
        problem = "is a file" if folder.exists() else "isn't there"
        raise UserError(f"{folder}: {problem}; pass the folder of a sweep or of a run")
    if finished(folder):
        return None, {0: folder}
    plan = read_plan(folder)
    if plan is not None:
        return plan, {job: folder / str(job) for job in range(len(plan.jobs))}
    jobs = sorted(int(path.name) for path in folder.iterdir() if _is_number(path.name))
    folders = {job: folder / str(job) for job in jobs if finished(folder / str(job))}
    if not folders:
        raise UserError(
            f"{folder}: no {PLAN}, and no {RESULT} in it or in its numbered folders; "
            "pass the folder of a sweep, such as multirun/<date>/<time>"
        )
    return None, folders


def _is_number(name: str) -> bool:
    """Whether a folder has the name that a job's has."""
    return name.isdecimal() and len(name) <= MOST_DIGITS and name == str(int(name))


def _record(folder: Path, planned: dict[str, Any]) -> Record:
    """The record of a job with the `planned` settings."""
    record = read_record(folder)
    for key, value in planned.items():
        own = record.overrides.get(key)
        if record.overrides and own != value:
            raise DamagedFileError(
                f"{folder / RESULT}: of another job ({key} is {own!r}, and {value!r} in {PLAN})",
                "delete it and run its job again",
            )
    return record
