"""Each member's words, curves, embeddings and measures for the report."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from grok.analysis.numbers import measures
from grok.analysis.numbers.curves import delay
from grok.analysis.numbers.labels import TIME_NAMES, measured_label, number
from grok.analysis.numbers.layout import Layout, choose, swept
from grok.analysis.numbers.measures import MOST_MEASURED
from grok.analysis.numbers.trajectories import one_number
from grok.analysis.pictures.palette import Palette
from grok.analysis.read import files
from grok.analysis.read.sweep import Measured, Sweep
from grok.analysis.report.parts import Picture, plain, text
from grok.errors import attempt
from grok.phases import Phase
from grok.record.names import CURVE_COLUMNS, CURVES, EMBEDDINGS

# Of a report, so that it opens at once: what 441 members record is shown in full.
MOST_ROWS = 100_000
MOST_POSITIONS = 400_000
LEAST, MOST = 8, 200
IMPLIED_NOTE = "This member wasn't trained: those around it are of one phase."

_Part = TypeVar("_Part")


def words(sweep: Sweep) -> dict[int, list[str]]:
    """Of every planned job: its swept values and its outcome, a line each."""
    keys = list(swept(sweep))
    outcomes = {int(row["job"]): _outcome(row, sweep.measured) for _, row in sweep.table.iterrows()}
    outcomes |= {job: [f"phase: {phase}, implied"] for job, phase in _implied(sweep).items()}
    return {
        int(row["job"]): [f"job: {row['job']}"]
        + [f"{key}: {number(row[key], 6)}" for key in keys]
        + outcomes.get(int(row["job"]), ["not finished"])
        for _, row in sweep.planned.iterrows()
    }


def collect(sweep: Sweep, palette: Palette, lines: dict[int, list[str]]) -> list[Picture]:
    """Every planned job with what choosing it shows, in job order.

    Keys: ``job``; ``at``, the place of its value in each of the swept keys' lists; ``cell``, its
    panel, column and row, None where it isn't among the cells that are drawn; ``phase``, None where
    it wasn't trained; ``title`` and ``words``; ``curves``, a
    list for each of `CURVE_COLUMNS`, or a ``note`` why there are none; ``delay``, the steps
    between which it waited to generalise and a colour; ``embeddings``, see `_embeddings`, None
    where none are recorded; ``measures``, see `_measures`. Where what members recorded is damaged,
    as if that member had none.
    """
    values, layout = swept(sweep), choose(sweep)
    phases = dict(zip(sweep.table["job"], sweep.table["phase"], strict=True))
    implied = _implied(sweep)
    embeddings = attempt("report, embeddings", _embeddings, sweep) or {}
    measured = attempt("report, measures", _measures, sweep) or {}
    members = []
    for row in sweep.planned.to_dict("records"):
        job = int(row["job"])
        phase = phases.get(job)
        told = f"{implied[job]}, implied" if job in implied else "not finished"
        curves, note, thinned = _curves(sweep, job)
        members.append(
            {
                "job": job,
                "at": [found.index(row[key]) for key, found in values.items()],
                "cell": _cell(layout, row),
                "phase": phase,
                "title": f"Member {job}: {phase or told}",
                "words": lines[job][1:] + thinned,
                "curves": curves,
                "note": IMPLIED_NOTE if job in implied else note,
                "delay": None if phase is None else _delay(sweep, job, palette[Phase(phase)]),
                "embeddings": embeddings.get(job),
                "measures": measured.get(job, {}),
            }
        )
    return members


def _implied(sweep: Sweep) -> dict[int, str]:
    """The phases of the jobs that needn't be trained."""
    if sweep.implied is None:
        return {}
    return dict(zip(sweep.implied["job"], sweep.implied["phase"], strict=True))


def worth_seeing(sweep: Sweep, members: list[Picture]) -> int:
    """The job of the member that generalised latest after it fitted, else of the first.

    Of those that left curves, where any did.
    """
    delays = (sweep.table["t_val"] - sweep.table["t_train"]).astype("float64").fillna(-np.inf)
    of_job = dict(zip(sweep.table["job"], delays, strict=True))
    finished: list[int] = [member["job"] for member in members if member["phase"]]
    curved = [member["job"] for member in members if member["curves"]]
    return max(curved or finished, key=lambda job: of_job[job])


def _curves(sweep: Sweep, job: int) -> tuple[list[list[float | None]] | None, str, list[str]]:
    """The columns of ``curves.csv``, or why there are none; thinned where it has very many rows.

    Last a line that says so, if it is.
    """
    if job not in sweep.records:
        return None, "This member hasn't finished.", []
    curves = files.curves(sweep, job)
    if curves is None:
        path = sweep.member_folder(job) / CURVES
        # plotly.js draws it
        return None, text(sweep.damaged.get(path, f"This member left no {CURVES}.")), []
    shown = _thin(len(curves), max(LEAST, MOST_ROWS // len(sweep.table)))
    thinned = [f"shown of {CURVES}: {len(shown)} of {len(curves)} rows"]
    columns = [plain(curves[column].iloc[shown]) for column in CURVE_COLUMNS]
    return columns, "", thinned if len(shown) < len(curves) else []


def _embeddings(sweep: Sweep) -> dict[int, Picture]:
    """Of every job that recorded them: ``dimensions``, ``steps`` and ``values``.

    Values are `one_number` of each, a list for each symbol, of which there are at most a few
    hundred thousand in all.

    Steps are thinned to evenly spaced ones on a logarithmic axis.
    """
    jobs = [int(job) for job in sweep.planned["job"] if files.left(sweep, job, EMBEDDINGS)]
    found = {job: _attempt("embeddings", _recording, sweep, job, len(jobs)) for job in jobs}
    return {job: recording for job, recording in found.items() if recording is not None}


def _attempt(
    part: str, make: Callable[..., _Part | None], sweep: Sweep, job: int, *more: Any
) -> _Part | None:
    """A part of one member; None, and a line on standard error, where it fails."""
    return attempt(f"report, {part} of member {job}", make, sweep, job, *more)


def _recording(sweep: Sweep, job: int, jobs: int) -> Picture | None:
    """The embeddings of one of so many `jobs` that recorded any."""
    recording = files.array(sweep, job, EMBEDDINGS, "values", 3)
    if recording is None:
        return None
    steps, values = recording
    fitting = MOST_POSITIONS // (jobs * values.shape[1])
    shown = _spread(steps, min(MOST, max(LEAST, fitting)))
    places = one_number(values[shown]).T.astype("float64")
    return {
        "dimensions": values.shape[2],
        "steps": steps[shown].tolist(),
        "values": plain(np.round(places, 4)),
    }


def _measures(sweep: Sweep) -> dict[int, dict[str, list[Any]]]:
    """Of every finished job the steps and the values of each measured number, by its name.

    The first six numbers, thinned to evenly spaced steps on a logarithmic axis.
    """
    found = {
        job: _attempt("measures", measures.of_member, sweep, job) or {} for job in sweep.records
    }
    names = list(dict.fromkeys(name for each in found.values() for name in each))[:MOST_MEASURED]
    most = min(MOST, max(LEAST, MOST_ROWS // max(1, len(found) * len(names))))
    return {
        job: {name: _thinned(each[name], most) for name in names if name in each}
        for job, each in found.items()
    }


def _thinned(values: pd.Series, most: int) -> list[Any]:
    """Steps and values of a measured number, at most `most` of them."""
    steps = values.index.to_numpy().astype("int64")
    places = _spread(steps, most)
    return [steps[places].tolist(), plain(values.iloc[places])]


def _thin(count: int, most: int) -> NDArray[np.int64]:
    """At most `most` of `count` rows, evenly, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype("int64"))


def _spread(steps: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """The places of at most `most` of the rising `steps`, evenly in their logarithm."""
    if not len(steps):
        return np.zeros(0, "int64")
    wanted = np.geomspace(max(1, steps[0]), max(1, steps[-1]), most)
    return np.unique(np.searchsorted(steps, wanted).clip(max=len(steps) - 1))


def _cell(layout: Layout, row: Mapping[Hashable, Any]) -> list[int] | None:
    if layout.y is None:
        return None
    assert layout.x is not None
    setting = {key: row[key] for key in layout.panels[0]}
    if setting not in layout.panels:
        return None
    place = [layout.xs.index(row[layout.x]), layout.ys.index(row[layout.y])]
    return [layout.panels.index(setting), *place]


def _delay(sweep: Sweep, job: int, colour: str) -> list[Any] | None:
    """The ends of what is shaded, in the phase's colour."""
    waited = delay(sweep.records[job])
    return None if waited is None else [waited.start, waited.end, to_hex(colour)]


def _outcome(row: pd.Series, measured: list[Measured]) -> list[str]:
    times = [
        f"{name}: {'never' if pd.isna(row[column]) else row[column]}"
        for column, name in TIME_NAMES.items()
    ]
    return [
        f"phase: {row['phase']}",
        *times,
        f"steps: {row['steps']} of {row['budget']} ({row['stop_reason']})",
        f"diverged: {'yes' if row['diverged'] else 'no'}",
        *(f"final {measured_label(each.name)}: {_number(row[each.final])}" for each in measured),
    ]


def _number(value: float) -> str:
    return "no finite number" if pd.isna(value) else number(float(value))
