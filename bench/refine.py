r"""What refining a phase grid saves and what it gets wrong, from grids that were trained in full.

    cd docs/figures
    python ../../bench/refine.py {fig1_{classification,regression},omnigrok_fig{11,3a,5}}/grid.csv \
      omnigrok_fig{6,6_code,6d,8,6e}/grid.csv

A file has a row a cell: its swept keys, then ``phase`` and, if known, ``steps``. A grid of more
than two keys is as many panels as it has planes. Of a fine grid its every second and fourth value
are refined as well.
"""

import contextlib
import statistics
import sys
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pandas as pd

from grok.analysis.read.sweep import COMPARED
from grok.sweeps import refine


class Panel(NamedTuple):
    """A plane of a grid, its lists in the order of its jobs."""

    jobs: list[dict[str, Any]]
    phases: list[str]
    steps: list[int] | None


class Outcome(NamedTuple):
    """Of a panel: shares of its cells and member-steps, and a number of cells."""

    trained: float
    steps: float | None
    wrong: int


FINE = 21
"""Values of a key that a thinned grid has at least."""
RULES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "every second cell first": {"STRIDE": 2},
    "every eighth cell first": {"STRIDE": 8},
    "squares halved to cells": {"SMALLEST": 1},
    "touching, not diagonally": {"_touching": lambda place: sides(place)},
    "touching doesn't count": {"_touching": lambda place: [place]},
}
"""What each changes of `grok.sweeps.refine`."""


def sides(place: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The places beside one."""
    return [
        (*place[:axis], index + step, *place[axis + 1 :])
        for axis, index in enumerate(place)
        for step in (-1, 1)
    ]


def panels(path: Path) -> list[Panel]:
    """The planes of a table."""
    table = pd.read_csv(path).rename(columns={"phase_1e5": "phase"})
    columns = list(table.columns)
    end = min(columns.index(name) for name in COMPARED if name in columns)
    jobs = table[[name for name in columns[:end] if name != "job"]].to_dict("records")
    found = []
    for cells, _ in refine._planes(jobs):
        rows = table.iloc[list(cells.values())]
        steps = rows["steps"].tolist() if "steps" in rows else None
        found.append(Panel([jobs[i] for i in cells.values()], rows["phase"].tolist(), steps))
    return found


def thinned(panel: Panel, every: int) -> Panel | None:
    """Of a panel every so many values of both keys, if `FINE` are left."""
    values = [sorted({job[key] for job in panel.jobs})[::every] for key in panel.jobs[0]]
    if min(map(len, values)) < FINE:
        return None
    kept = [
        i
        for i, job in enumerate(panel.jobs)
        if all(value in axis for value, axis in zip(job.values(), values, strict=True))
    ]
    steps = panel.steps and [panel.steps[i] for i in kept]
    return Panel([panel.jobs[i] for i in kept], [panel.phases[i] for i in kept], steps)


def outcome(panel: Panel) -> Outcome:
    """Of training what is wanted until nothing else is."""
    known: dict[int, str] = {}
    while True:
        wanted, implied = refine.refine(panel.jobs, known)
        if wanted == known.keys():
            break
        known = {job: panel.phases[job] for job in wanted}
    steps = panel.steps and sum(panel.steps[job] for job in known) / sum(panel.steps)
    wrong = sum(panel.phases[job] != phase for job, phase in implied.items())
    return Outcome(len(known) / len(panel.jobs), steps, wrong)


def main(paths: list[str]) -> None:
    """Print a row a rule, over the panels of all files, then what thinner grids give."""
    every = [panel for path in paths for panel in panels(Path(path))]
    print(f"{len(every)} panels of {statistics.mean(len(each.jobs) for each in every):.0f} cells")
    print(
        f"{'':26}{'trained':>9}{'at most':>9}{'steps':>7}{'wrong':>7}{'none in':>9}{'at most':>9}"
    )
    for name, changes in RULES.items():
        with contextlib.ExitStack() as stack:
            for changed, value in changes.items():
                stack.enter_context(patch.object(refine, changed, value))
            show(name, every)
    for step in (2, 4):
        if thinner := [fewer for panel in every if (fewer := thinned(panel, step))]:
            show(f"one value in {step}", thinner)


def show(name: str, every: list[Panel]) -> None:
    """Print the row of a rule, or of thinner grids."""
    found = [outcome(panel) for panel in every]
    steps = [each.steps for each in found if each.steps is not None]
    wrong = [each.wrong for each in found]
    trained = [each.trained for each in found]
    print(
        f"{name:26}{statistics.mean(trained):9.0%}{max(trained):9.0%}"
        f"{statistics.mean(steps) if steps else float('nan'):7.0%}"
        f"{statistics.mean(wrong):7.1f}{wrong.count(0):9}{max(wrong):9}",
        flush=True,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
