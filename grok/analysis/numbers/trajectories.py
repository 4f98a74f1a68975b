"""The way of the embeddings during training (Re-TUG, Appendix C, Figures 11 and 12)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grok.analysis.numbers.labels import panel_title
from grok.analysis.numbers.layout import swept
from grok.analysis.read import files
from grok.analysis.read.sweep import Sweep
from grok.phases import Phase
from grok.record.names import EMBEDDINGS

MOST_TRAJECTORIES = 12
MOST_POINTS = 2000


@dataclass(frozen=True)
class Trajectory:
    """One member's embeddings.

    Attributes:
        title: the phase and the swept values.
        phase: None while the member has no record.
        steps: optimizer steps of the n recordings, shape (n,).
        values: `one_number` of each of the p embeddings, shape (n, p).
        dimensions: how many coordinates there are; 1 in the paper.
    """

    title: str
    phase: Phase | None
    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    dimensions: int


def recorded(sweep: Sweep) -> pd.DataFrame:
    """The jobs with recorded embeddings, by phase (members that haven't finished last), then job.

    Columns: ``job``, the swept keys and ``phase``.
    """
    has = [files.left(sweep, job, EMBEDDINGS) for job in sweep.planned["job"]]
    jobs = sweep.planned[has].merge(sweep.table[["job", "phase"]], on="job", how="left")
    phases = pd.Categorical(jobs["phase"], categories=[str(phase) for phase in Phase], ordered=True)
    return jobs.assign(phase=phases).sort_values(["phase", "job"], ignore_index=True)


def pick(jobs: pd.DataFrame) -> pd.DataFrame:
    """At most 12 of `recorded`, as many of each phase as of the others where there are enough."""
    rank = jobs.groupby("phase", observed=True, dropna=False).cumcount()
    return jobs.loc[rank.sort_values(kind="stable").index[:MOST_TRAJECTORIES].sort_values()]


def trajectory(sweep: Sweep, row: pd.Series, last_step: int | None) -> Trajectory | None:
    """A member's, None where they are damaged."""
    recording = files.array(sweep, row["job"], EMBEDDINGS, "values", 3)
    if recording is None:
        return None
    steps, values = recording
    phase = None if pd.isna(row["phase"]) else Phase(row["phase"])
    title = [phase or "unfinished", panel_title({key: row[key] for key in swept(sweep)})]
    shown = steps <= (steps.max(initial=0) if last_step is None else last_step)
    thin = max(1, int(shown.sum()) // MOST_POINTS)
    return Trajectory(
        "\n".join(line for line in title if line),
        phase,
        steps[shown][::thin],
        one_number(values[shown][::thin]),
        values.shape[2],
    )


def one_number(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is drawn of embeddings, shape (n, p, d): the coordinate or, of several, the L2 norm."""
    return values[:, :, 0] if values.shape[2] == 1 else np.linalg.norm(values, axis=2)
