"""What the seeds do to a phase diagram (Re-TUG, Appendix A, Figures 7 and 8, as statistics)."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from scipy import special

from grok.analysis.numbers.labels import PHASES
from grok.analysis.numbers.layout import Selection, choose, select, swept
from grok.analysis.read.sweep import Sweep
from grok.record.meaning import is_seed

CONFIDENCE = 0.95
ROUNDING = 1e-24
"""A variance of fractions that are all alike."""
INTERVAL = ["mean", "low", "high"]
"""Columns of a mean and the ends of its confidence interval."""


def seed_keys(sweep: Sweep) -> list[str]:
    """The seeds that are swept beyond the two keys of a phase diagram; none without a diagram."""
    layout = choose(sweep)
    if layout.y is None:
        return []
    return [key for key in swept(sweep) if is_seed(key) and key not in (layout.x, layout.y)]


def seeds_table(sweep: Sweep) -> pd.DataFrame | None:
    """One row a phase and seed setting (and setting of further keys): how common the phase is.

    Columns: further swept keys, the seeds, ``phase``, ``fraction`` of the cells of that seed
    setting whose phase is known, ``cells`` (how many those are), and, the same for all seed
    settings, the ``mean`` of the fractions with its 95 % interval ``low`` to ``high``
    (`mean_interval`), NaN while some lack cells that others have. None where no seed is swept
    beyond a phase diagram's keys.
    """
    seeds, layout = seed_keys(sweep), choose(sweep)
    if not seeds:
        return None
    found = [
        phase_fractions(members, seeds, [layout.x, layout.y]).assign(**panel)
        for panel, members in seed_panels(sweep, seeds)
    ]
    others = [key for key in found[0] if key in sweep.keys and key not in seeds]
    columns = [*others, *seeds, "phase", "fraction", "cells", *INTERVAL]
    return pd.concat(found, ignore_index=True)[columns]


def mean_interval(fractions: pd.Series) -> tuple[float, float, float]:
    """The mean of `fractions` and its 95 % confidence interval, by Student's t, within 0 to 1.

    Settings of one data seed, or of one model seed, aren't independent where these are crossed. So
    the variance is that of the means over each value of one seed, summed over the seeds, with the
    degrees of freedom of Welch and Satterthwaite. NaN ends where no seed has two values, or all are
    alike, which says nothing of how far others lie.

    Args:
        fractions: of each seed setting, with a level of the index for each seed.
    """
    mean = float(fractions.mean())
    levels = [fractions.groupby(level=i).mean() for i in range(fractions.index.nlevels)]
    levels = [means for means in levels if len(means) > 1]
    variances = np.array([means.var() / len(means) for means in levels])
    if np.isnan(variances).any() or variances.sum() < ROUNDING:
        return mean, float("nan"), float("nan")
    freedom = variances.sum() ** 2 / sum(variances**2 / [len(means) - 1 for means in levels])
    margin = float(special.stdtrit(freedom, (1 + CONFIDENCE) / 2) * variances.sum() ** 0.5)
    return mean, max(mean - margin, 0.0), min(mean + margin, 1.0)


def commonest(members: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """For every cell over `keys`, its most common ``phase`` and the ``share`` that has it.

    Of equally common phases it is the first of Table 1. The share is of those of known phase.
    """
    counts = pd.crosstab([members[key] for key in keys], members["phase"])
    counts = counts.reindex(columns=PHASES, fill_value=0)
    shares = counts.max(axis=1) / counts.sum(axis=1)
    return pd.DataFrame({"phase": counts.idxmax(axis=1), "share": shares}).reset_index()


def seed_panels(sweep: Sweep, seeds: list[str]) -> list[tuple[Selection, pd.DataFrame]]:
    """The cells of known phase for each setting of what is neither an axis nor a seed."""
    layout = choose(sweep)
    others = {
        key: values
        for key, values in swept(sweep).items()
        if key not in (layout.x, layout.y, *seeds)
    }
    settings = [
        dict(zip(others, values, strict=True)) for values in itertools.product(*others.values())
    ]
    kept = sweep.known.drop_duplicates(sweep.keys, keep="last")
    found = [(setting, select(kept, setting)) for setting in settings]
    return [(setting, members) for setting, members in found if not members.empty]


def phase_fractions(
    members: pd.DataFrame, seeds: list[str], axes: list[str | None]
) -> pd.DataFrame:
    """The rows of `seeds_table` for one panel, whose diagrams have these axes."""
    counts = pd.crosstab([members[key] for key in seeds], members["phase"])
    counts = counts.reindex(columns=PHASES, fill_value=0)
    totals = counts.sum(axis=1)
    shares = counts.div(totals, axis=0)
    rows = shares.assign(cells=totals).reset_index()
    rows = rows.melt([*seeds, "cells"], PHASES, var_name="phase", value_name="fraction")
    alike = len(members) == len(totals) * len(members[axes].drop_duplicates())
    comparable = shares if alike else shares * np.nan
    bounds = {phase: mean_interval(comparable[phase]) for phase in PHASES}
    rows[INTERVAL] = [bounds[phase] for phase in rows["phase"]]
    return rows
