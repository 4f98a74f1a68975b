"""What the discrete and the smooth phase diagram colour (Re-TUG, Table 1 and section 4.2)."""

from __future__ import annotations

import pandas as pd

from grok.analysis.numbers.labels import PHASES
from grok.phases import classify, smooth_value


def phase_codes(phases: pd.Series) -> pd.Series:
    """The place of each phase in `grok.phases.Phase`."""
    return phases.map(PHASES.index)


def smooth_steps(table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """`grok.phases.smooth_value` of every member over its whole run, and whether it generalises."""
    times = [
        (_step(t_train), _step(t_val), int(budget))
        for t_train, t_val, budget in zip(
            table["t_train"], table["t_val"], table["budget"], strict=True
        )
    ]
    phases = [classify(*time) for time in times]
    steps = [smooth_value(phase, *time) for phase, time in zip(phases, times, strict=True)]
    generalises = [phase.generalises for phase in phases]
    return pd.Series(steps, table.index), pd.Series(generalises, table.index)


def confused(table: pd.DataFrame) -> pd.Series:
    """Whether a member never fitted over its whole run, so that its value is the budget."""
    return table["t_train"].isna()


def _step(value: int) -> int | None:
    return None if pd.isna(value) else int(value)
