"""How much of a landscape each of its keys makes (Omnigrok, section 5: Figure 6 against Figure 8).

Where the test loss depends on the representation much, networks grok; where little, they don't.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from grok.analysis.numbers import landscape
from grok.analysis.numbers.layout import swept
from grok.analysis.read.sweep import Sweep

LOSSES = tuple(name for name in landscape.COLUMNS.values() if name.endswith("loss"))


def dependence_table(sweep: Sweep) -> pd.DataFrame | None:
    """One row a loss: the share of its logarithm's variance that each swept key explains alone.

    The shares are eta squared, the variance between a key's values over that of all members. What
    is missing to 1 is their interaction; n values of a key explain (n - 1) / (N - 1) of N members'
    by chance. They are of the ranges that are swept: a wider one of a key makes its share larger.
    Losses of 0, and those that aren't finite, don't count.
    None where the initial scale isn't swept, or nothing else, and while members are missing.
    """
    keys = list(swept(sweep))
    if landscape.scale_key(sweep) not in keys or len(keys) < 2 or sweep.missing:
        return None
    members = landscape.landscape_members(sweep)
    return pd.DataFrame(
        [{"loss": loss} | {key: share(members[key], members[loss]) for key in keys}
         for loss in LOSSES]
    )  # fmt: skip


def share(values: pd.Series, losses: pd.Series) -> float:
    """Of the variance of log(loss), that between a key's `values`; nan where there is none."""
    finite = np.isfinite(losses) & (losses > 0)
    logs = np.log10(losses[finite])
    between = logs.groupby(values[finite]).transform("mean")
    total = float(logs.var(ddof=0))
    return float(between.var(ddof=0)) / total if total > 0 else np.nan
