"""Hand-made members and sweeps: records with chosen times, no training."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from grok.phases import classify
from grok.record.names import CURVE_COLUMNS, CURVES, EMBEDDINGS, MEASURES, RESULT, STEP_COLUMNS
from grok.record.record import Plan, write_plan, write_record
from tests.analysis.records import BEST, BUDGET, FINAL, make_record
from tests.analysis.special_sweeps import (  # noqa: F401 - fixtures
    decays,
    landscape,
    pair,
    planed,
    refined,
    runs,
    slope,
    valley,
    wide,
)


@pytest.fixture
def add_member(tmp_path):
    """Write job `number`'s record, by default one of no interest; its folder."""

    def add(number, overrides=None, t_train=100, t_val=200, **changes):
        folder = tmp_path / str(number)
        write_record(folder, make_record(overrides or {}, t_train, t_val, **changes))
        return folder

    return add


@pytest.fixture
def measured():
    """What to change of a record that also measured (which way is better, last value, best)."""

    def change(**columns):
        best = {name: best for name, (_, _, best) in columns.items() if best is not None}
        return {
            "columns": STEP_COLUMNS | {name: better for name, (better, _, _) in columns.items()},
            "final": FINAL | {name: final for name, (_, final, _) in columns.items()},
            "best": BEST | best,
        }

    return change


@pytest.fixture
def add_measures():
    """Write a ``measures.csv`` of columns, each a dictionary of step to value."""

    def add(folder, **columns):
        pd.DataFrame(columns).sort_index().rename_axis("step").to_csv(folder / MEASURES)

    return add


@pytest.fixture
def make_sweep(tmp_path, add_member):
    """Write a planned sweep of (settings, (t_train, t_val)), times None for a missing job."""

    def make(*members):
        settings = [setting for setting, _ in members]
        tmp_path.mkdir(exist_ok=True)
        write_plan(tmp_path, Plan(keys=list(settings[0]), jobs=settings))
        for number, (setting, times) in enumerate(members):
            if times is not None:
                add_member(number, setting, *times)
        return tmp_path

    return make


@pytest.fixture
def sweep_in(tmp_path):
    """Write a finished sweep of (settings, (t_train, t_val)) to a folder of that name."""

    def write(name, *members, budget=BUDGET, config=None, **changes):
        folder = tmp_path / name
        write_plan(folder, Plan(list(members[0][0]), [setting for setting, _ in members]))
        for number, (setting, times) in enumerate(members):
            given = {"budget": budget, "phase": str(classify(*times, budget))} | changes
            if None in times:
                given = {"steps": budget} | given
            record = make_record(setting, *times, config=config or {}, **given)
            write_record(folder / str(number), record)
        return folder

    return write


@pytest.fixture
def grid_sweep(make_sweep):
    """A 3 x 2 grid of every phase and a missing job, plotted as in the paper.

    learning rate      1e-4                     1e-3                       1e-2
    weight decay 0     negative delay           delay of exactly 1000      memorization
    weight decay 5     delay of 999             missing                    confusion
    """
    times = {
        (1e-4, 0): (500, 460),
        (1e-3, 0): (200, 1200),
        (1e-2, 0): (70, None),
        (1e-4, 5): (600, 1599),
        (1e-3, 5): None,
        (1e-2, 5): (None, None),
    }
    # Neither in the order of the axes nor with the learning rate first.
    cells = sorted(times, reverse=True)
    return make_sweep(
        *[({"opt.wd_dec": decay, "opt.lr_dec": rate}, times[rate, decay]) for rate, decay in cells]
    )


@pytest.fixture
def add_embeddings(tmp_path):
    """Record 5 symbols every 10 steps; symbol s stands at s + 0.001 * step in coordinate 0."""

    def add(number, last_step=4000, dimensions=1):
        steps = np.arange(0, last_step + 1, 10)
        values = np.zeros((len(steps), 5, dimensions))
        values[:, :, 0] = np.arange(5) + 0.001 * steps[:, None]
        folder = tmp_path / str(number)
        folder.mkdir(exist_ok=True)
        np.savez(folder / EMBEDDINGS, steps=steps, values=values)
        return folder / EMBEDDINGS

    return add


@pytest.fixture
def add_curves():
    """Write a ``curves.csv`` of three steps, validation loss non-finite at the last."""

    def add(folder):
        rows = ["1,1,0.1,2,0.1,30", "10,0.5,0.9,1,0.2,20", "100,0.01,1.0,,0.9,10"]
        (folder / CURVES).write_text("\n".join([",".join(CURVE_COLUMNS), *rows]) + "\n")

    return add


@pytest.fixture
def cells(make_sweep, add_member, measured):
    """2 x 2 cells; all but the last of them measured four numbers."""
    jobs = [{"a": a, "b": b} for a in (1, 2) for b in (1, 2)]
    folder = make_sweep(*[(job, (1, 2)) for job in jobs])
    for job, rqi, margin in ((0, 0.25, 1e-3), (1, 0.5, 0.0), (2, None, 10.0)):
        found = measured(
            rqi=("higher", rqi, 0.75), margin=("lower", margin, 5.0), norm=(None, 4.0, None)
        )
        add_member(job, jobs[job], 1, 2, **found)
    return folder


SIDE = 21
POINTS = 120


@pytest.fixture(scope="session")
def big_sweep(tmp_path_factory):
    """A sweep of 21 x 21 cells with curves, the size of a published diagram; its folder.

    Of cell (i, j), by rising learning rate 10^(i/5 - 5) and weight decay j: T_train is 100 + i,
    T_val 2000 + 10 j + i, never for i = 20. Job 440 is missing, job 2 has no curves, and the
    last validation loss of every member is not finite.
    """
    folder = tmp_path_factory.mktemp("big")
    jobs = [
        {"opt.wd_dec": float(j), "opt.lr_dec": 10 ** (i / 5 - 5)}
        for j in range(SIDE)
        for i in range(SIDE)
    ]
    write_plan(folder, Plan(list(jobs[0]), jobs, {"task": {"p": 10}, "opt": jobs[0]}))
    for job, settings in enumerate(jobs[:-1]):
        j, i = divmod(job, SIDE)
        record = make_record(settings, 100 + i, 2000 + 10 * j + i if i < SIDE - 1 else None)
        (folder / str(job)).mkdir()
        (folder / str(job) / RESULT).write_text(json.dumps(asdict(record)))
        if job != 2:
            (folder / str(job) / CURVES).write_text(_curves(job))
    return folder


def _curves(job):
    """Train loss starts at 1 + job / 1000, the rest is noise of as many digits as real curves."""
    noise = np.random.default_rng(job).random((POINTS, 5)).round(8)
    noise[0, 0], noise[-1, 2] = 1 + job / 1000, np.nan
    steps = np.unique(np.geomspace(1, BUDGET, 2 * POINTS).astype(int))[:POINTS]
    rows = [f"{step},{','.join(map(str, row))}" for step, row in zip(steps, noise, strict=True)]
    return "\n".join([",".join(CURVE_COLUMNS), *rows]).replace("nan", "") + "\n"
