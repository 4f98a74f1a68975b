"""What the configured measures gave along the way."""

from __future__ import annotations

import numpy as np
import pandas as pd

from grok.analysis.read import files
from grok.analysis.read.sweep import Measured, Sweep


def of_member(sweep: Sweep, job: int) -> dict[str, pd.Series]:
    """The finite values of every measured number by step; none where the member has no measures.

    Without step 0, the initialisation, which has no place on a logarithmic axis. A number without
    any such value is left out.
    """
    table = files.measures(sweep, job)
    if table is None:
        return {}
    table = table.set_index("step")
    found = {name: values[np.isfinite(values)] for name, values in table[table.index > 0].items()}
    return {str(name): values for name, values in found.items() if len(values)}


def better(measured: list[Measured], name: str) -> str | None:
    """Which way `name` is better, as the records tell."""
    return next((each.better for each in measured if each.name == name), None)


MOST_MEASURED = 6
