"""What a member recorded along the way; a damaged file is told, and counts as none.

The one place where such files are read and their contents checked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grok.analysis.read.sweep import Sweep
from grok.errors import DamagedFileError
from grok.record.names import CURVE_COLUMNS, CURVES, MEASURES
from grok.record.record import check_file, damaged_file

_Content = TypeVar("_Content")
Array = tuple[NDArray[np.int64], NDArray[np.float64]]

log = logging.getLogger(__name__)


def curves(sweep: Sweep, job: int) -> pd.DataFrame | None:
    """A member's `grok.record.names.CURVE_COLUMNS`, one row a recorded step."""
    return _of_member(sweep, job, CURVES, read_curves)


def measures(sweep: Sweep, job: int) -> pd.DataFrame | None:
    """A member's measured numbers: ``step``, then a column each, blank where not due."""
    return _of_member(sweep, job, MEASURES, read_measures)


def array(sweep: Sweep, job: int, file: str, name: str, dimensions: int) -> Array | None:
    """Steps, shape (n,), and the array `name`, shape (n, ...), that a member's measure recorded."""
    return _of_member(sweep, job, file, lambda path: read_array(path, name, dimensions))


def left(sweep: Sweep, job: int, name: str) -> bool:
    """Whether a member left such a file, even if it is gone."""
    record = sweep.records.get(job)
    return (sweep.member_folder(job) / name).is_file() or (
        record is not None and name in record.files
    )


def _of_member(
    sweep: Sweep, job: int, name: str, read: Callable[[Path], _Content]
) -> _Content | None:
    """What `read` makes of a member's file; None where there is none, or it is damaged."""
    folder = sweep.member_folder(job)
    path = folder / name
    if path in sweep.damaged or not left(sweep, job, name):
        return None
    try:
        if job in sweep.records:
            check_file(folder, name, sweep.records[job])
        return read(path)
    except DamagedFileError as error:
        sweep.damaged[path] = str(error)
        log.warning("%s; until then its member is drawn without", error)
        return None


def read_curves(path: Path) -> pd.DataFrame:
    """The table of a ``curves.csv``.

    Raises:
        DamagedFileError: the file isn't such a table.
    """
    try:
        table = pd.read_csv(path, usecols=list(CURVE_COLUMNS), dtype="float64")
        _check_steps(table["step"].to_numpy(), first=1)
    except Exception as error:  # whatever a damaged file may raise
        raise damaged_file(path, error) from None
    return table


def read_measures(path: Path) -> pd.DataFrame:
    """The table of a ``measures.csv``.

    Raises:
        DamagedFileError: the file isn't such a table.
    """
    try:
        table = pd.read_csv(path, dtype="float64")
        if table.columns[0] != "step" or len(table.columns) < 2:
            raise ValueError("steps and measured numbers expected")
        _check_steps(table["step"].to_numpy(), first=0)
    except Exception as error:  # whatever a damaged file may raise
        raise damaged_file(path, error) from None
    return table


def read_array(path: Path, name: str, dimensions: int) -> Array:
    """The steps and the array `name` of a measure's ``.npz``.

    Raises:
        DamagedFileError: the file isn't such an archive, or the array hasn't so many dimensions.
    """
    try:
        # Opened here since NumPy leaves a damaged file open.
        with path.open("rb") as file, np.load(file) as archive:
            steps, values = archive["steps"], archive[name]
        if values.ndim != dimensions or steps.shape != values.shape[:1] or 0 in values.shape[1:]:
            raise ValueError(f"steps of shape {steps.shape}, {name} of shape {values.shape}")
        if values.dtype.kind not in "fiu" or steps.dtype.kind not in "iu":
            raise ValueError(f"steps are {steps.dtype}, {name} {values.dtype}")
        _check_steps(steps, first=0)
    except Exception as error:  # whatever a damaged file may raise
        raise damaged_file(path, error) from None
    return steps.astype("int64"), values


def _check_steps(steps: NDArray[np.float64], first: int) -> None:
    """Raise ValueError unless they are whole numbers from `first` on, each more than the last."""
    whole = np.isfinite(steps) & (steps == np.round(steps)) & (steps >= first) & (steps < 2**53)
    if not whole.all() or not (np.diff(steps) > 0).all():
        raise ValueError("steps don't rise in whole numbers")
