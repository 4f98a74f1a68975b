"""Arrays that a measure recorded along the way."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grok.errors import UserError


def read_array(
    path: Path, name: str, dimensions: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The recorded steps, shape (n,), and the array `name`, shape (n, ...), of a measure's file.

    Raises:
        UserError: the file isn't such an archive, or the array hasn't so many dimensions.
    """
    try:
        # Opened here since NumPy leaves a damaged file open.
        with path.open("rb") as file, np.load(file) as archive:
            steps, values = archive["steps"], archive[name]
        if values.ndim != dimensions or steps.shape != values.shape[:1] or 0 in values.shape[1:]:
            raise ValueError(f"steps of shape {steps.shape}, {name} of shape {values.shape}")
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: damaged ({error}); delete its run and run it again") from None
    return steps, values
