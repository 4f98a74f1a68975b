"""Fixtures: sweeps over weight decay, over held norms and over seeds, and what goes with them."""

import itertools
import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from grok.analysis.read.table import read_sweep
from grok.phases import classify
from grok.record.names import CURVE_COLUMNS, CURVES, RESULT
from grok.record.record import Plan, write_plan, write_record
from tests.analysis.records import make_record

LR, WD, DATA, MODEL = "opt.lr_dec", "opt.wd_dec", "seed.data", "seed.model"
RATES = (1e-4, 1e-3, 1e-2)
FREE = {"norm": {"constrain": False, "groups": ["encoder", "decoder"]}}
STEPS = (1, 10, 100)

DECAYS = (10.0, 0.0, 0.01, 0.1, 1.0)


DECAY_TIMES = {0.0: 50_000, 0.01: 40_000, 0.1: 4000, 1.0: 400, 10.0: None}


@pytest.fixture
def decays(make_sweep, add_member):
    """T_val is 400 / wd; the norm goes from 60 to 4 and 9 there, geometric mean 6, at 0.1 and 1."""

    def make(*rates):
        keys = [
            {"opt.wd_dec": wd} | ({"opt.lr_dec": rate} if rates else {})
            for rate in rates or (1e-3,)
            for wd in DECAYS
        ]
        folder = make_sweep(*[(settings, None) for settings in keys])
        for number, settings in enumerate(keys):
            wd, rate = settings["opt.wd_dec"], settings.get("opt.lr_dec", 1e-3)
            norm = {0.1: 4.0, 1.0: 9.0}.get(wd)
            time = DECAY_TIMES[wd]
            if time is not None and rate == 2e-3:
                time = round(time / 2)
            add_member(
                number, settings, 10, time, decay_per_step=rate * wd,
                weight_norm={"initial": 60.0, "t_train": 50.0, "t_val": norm},
            )  # fmt: skip
        return read_sweep(folder)

    return make


ALPHAS = (4.0, 0.25, 1.0, 0.5, 2.0)


@pytest.fixture
def valley(tmp_path, add_member):
    """An L and a U over the norm 10 alpha: train loss 1e-6 from alpha 1, test lowest at alpha 1."""

    def make(constrain=True, sizes=(100,), alphas=ALPHAS):
        jobs = [
            {"task.init_scale": alpha, **({"task.train_size": size} if len(sizes) > 1 else {})}
            for size in sizes
            for alpha in alphas
        ]
        write_plan(tmp_path, Plan(list(jobs[0]), jobs))
        config = {"norm": {"constrain": constrain, "groups": ["encoder", "decoder"]}}
        for number, settings in enumerate(jobs):
            alpha = settings["task.init_scale"]
            losses = {
                "train_loss": max(1e-6, 10.0 ** (-6 * alpha)),
                "val_loss": 10 ** (np.log10(alpha) ** 2 - 3) if alpha else 1e-9,
                "train_accuracy": 1.0,
                "val_accuracy": 1 - abs(np.log10(alpha)) if alpha else 0.5,
            }
            final = losses | {"weight_norm": 10 * alpha}
            add_member(
                number, settings, final=final, best=losses, config=config,
                weight_norm={"initial": 10 * alpha},
            )  # fmt: skip
        return tmp_path

    return make


@pytest.fixture
def planed(make_sweep, add_member):
    """Members over learning rate and weight decay, the same in both groups; norms 60 to 6.

    That of those without decay, which tells nothing, is 30 at T_val.
    """

    def make(norms=(4.0, 9.0), encoder=None, rates=RATES, decays=(0.0, 0.1, 1.0), initial=60.0):
        settings = [{LR: rate, WD: decay} for decay in decays for rate in rates]
        folder = make_sweep(*[(setting, None) for setting in settings])
        left = list(norms)
        for number, setting in enumerate(settings):
            rates_of_groups = {setting[LR], setting[LR] if encoder is None else encoder}
            shares = {rate * setting[WD] for rate in rates_of_groups}
            norm = left.pop(0) if left and setting[WD] else None
            norm = 30.0 if norms and not setting[WD] else norm
            add_member(
                number, setting, 10, 20, decay_per_step=shares.pop() if len(shares) == 1 else None,
                weight_norm={"initial": initial, "t_train": 50.0, "t_val": norm},
            )  # fmt: skip
        return read_sweep(folder)

    return make


@pytest.fixture
def wide(make_sweep):
    """Rates 1e-7, 1e-5, ... 10 and decays 1e-6, 1e-5, ... 1e3, a cell each."""
    rates, decays = [10.0**e for e in range(-7, 2, 2)], [10.0**e for e in range(-6, 4)]
    cells = [{"opt.lr_dec": rate, "opt.wd_dec": decay} for rate in rates for decay in decays]
    return read_sweep(make_sweep(*[(cell, (10, 20)) for cell in cells]))


@pytest.fixture
def landscape(tmp_path):
    """Losses over the norms 10, 20, 40 and, where asked for, one more key."""

    def make(key=None, values=(0.0,), groups=("encoder", "decoder")):
        folder = tmp_path / "landscape"
        jobs = [
            {"task.init_scale": scale} | ({key: value} if key else {})
            for value in values
            for scale in (1.0, 2.0, 4.0)
        ]
        write_plan(folder, Plan(list(jobs[0]), jobs))
        for number, job in enumerate(jobs):
            scale, more = job["task.init_scale"], job.get(key, 0.0)
            more = 0.0 if isinstance(more, str) else more
            final = {"train_loss": 1 / scale**4, "val_loss": scale + more}
            record = make_record(
                job, 10, None, final=final, best=final, weight_norm={"initial": 10 * scale},
                config={"norm": {"constrain": True, "groups": list(groups)}},
            )  # fmt: skip
            write_record(folder / str(number), record)
        return read_sweep(folder)

    return make


@pytest.fixture
def runs(tmp_path, measured):
    """Two free members, of grokking and of memorization, with curves and perhaps measures."""

    def make(config=FREE, curves=True, **columns):
        folder = tmp_path / "runs"
        jobs = [{"opt.wd_dec": 1.0}, {"opt.wd_dec": 0.0}]
        write_plan(folder, Plan(["opt.wd_dec"], jobs))
        last = {name: None if np.isnan(each[-1]) else each[-1] for name, each in columns.items()}
        changes = measured(**{name: (None, value, None) for name, value in last.items()})
        for number, (job, t_val) in enumerate(zip(jobs, (5000, None), strict=True)):
            write_record(
                folder / str(number), make_record(job, 10, t_val, config=config, **changes)
            )
            norms = (30 - 10 * number, 35, 15)
            rows = [
                [step, 0.5 / step, 1, 2.0 / step, 1, norm]
                for step, norm in zip(STEPS, norms, strict=True)
            ]
            if curves:
                table = pd.DataFrame(rows, columns=list(CURVE_COLUMNS))
                table.to_csv(folder / str(number) / CURVES, index=False)
            if columns:
                # taken at other steps than the curves
                table = pd.DataFrame({"step": [0, 20, 100]} | columns)
                table.to_csv(folder / str(number) / "measures.csv", index=False)
        return read_sweep(folder)

    return make


SCALES = np.geomspace(1, 10, 17)
MESSINESS = np.linspace(0, 0.2, 9)


EDGE, TURN, STEEP = np.log(20), 5, 20
"""The boundary is at ln w = EDGE + TURN m, and train loss falls as w^-STEEP."""


def losses(norm, m, size=45):
    log_norm = np.log(max(norm, 1e-3))
    train = 0.05 * np.exp(-STEEP * (log_norm - EDGE - TURN * m * 45 / size))
    return {"train_loss": train, "val_loss": train + m + 0.01 * abs(log_norm - EDGE)}


@pytest.fixture
def slope(tmp_path, add_member):
    """A landscape whose boundary is straight over (m, ln w), from 20 at m = 0 to 54 at 0.2."""

    def make(alphas=SCALES, messiness=MESSINESS, sizes=(45,), missing=None):
        jobs = [
            {"task.init_scale": float(alpha), "task.messiness": float(m)}
            | ({"task.train_size": size} if len(sizes) > 1 else {})
            for size in sizes
            for m in messiness
            for alpha in alphas
        ]
        write_plan(tmp_path, Plan(list(jobs[0]), jobs))
        for number, job in enumerate(jobs):
            if number != missing:
                norm = 10 * job["task.init_scale"]
                final = losses(norm, job["task.messiness"], job.get("task.train_size", 45))
                add_member(
                    number, job, final=final, best=final, weight_norm={"initial": norm},
                    config={"norm": {"constrain": True, "groups": ["decoder"]}},
                )  # fmt: skip
        return tmp_path

    return make


@pytest.fixture
def pair(sweep_in):
    """A 2 x 3 grid, and itself with three times changed: one cell is of another phase."""
    times = [(100, 200), (100, 2000), (100, 5000), (100, None), (None, None), (300, 400)]
    settings = [{LR: rate, WD: decay} for decay in (0, 5) for rate in (1e-4, 1e-3, 1e-2)]
    here = list(zip(settings, times, strict=True))
    times[0], times[1], times[2] = (104, 200), (100, 1000), (200, 5000)
    there = list(zip(settings, times, strict=True))
    return sweep_in("a", *here), sweep_in("b", *there)


SEED_TIMES = {"c": (10, 20), "g": (10, 2000), "m": (10, None), "x": (None, None), "-": None}


# The cells (1, 0), (1, 5), (2, 0), (2, 5) of learning rate and weight decay, by seeds.
SEED_PHASES = {(41, 101): "cccg", (41, 102): "ccgg", (42, 101): "cgmg", (42, 102): "cxxg"}


def sweep_of_seeds(make_sweep, phases, **further):
    members = []
    for (data, model), letters in phases.items():
        cells = itertools.product((1, 2), (0, 5))
        for (rate, decay), letter in zip(cells, letters, strict=True):
            setting = {LR: rate, WD: decay, DATA: data, MODEL: model}
            members.append((setting, SEED_TIMES[letter]))
    return read_sweep(make_sweep(*members))


REFINED = ("#...#.###", "......##.", "....#.###", "......##.", "#...#.###")
"""Which cells of `refined` are trained: a row for each weight decay, by rising learning rate."""


@pytest.fixture
def refined(tmp_path):
    """A refined sweep: the two highest learning rates memorise, and a cell that isn't trained.

    All others comprehend. `refine=False` trains all; `without` are jobs left out, `also` others
    that are trained.
    """

    def make(name="refined", refine=True, without=(), also=(), budget=100_000, more=None):
        folder = tmp_path / name
        jobs = [
            {WD: float(y), LR: 10.0 ** (x - 9)} | setting
            for setting in more or [{}]
            for y in range(5)
            for x in range(9)
        ]
        write_plan(folder, Plan(list(jobs[0]), jobs, refine=refine))
        for number, job in enumerate(jobs):
            y, x = divmod(number % 45, 9)
            wanted = REFINED[y][x] == "#" or not refine or number in also
            if wanted and number not in without:
                times = (70, None) if x > 6 or (x, y) == (4, 3) else (100 + x, 200)
                phase = str(classify(*times, budget))
                steps = {"steps": budget} if None in times else {}
                record = make_record(job, *times, phase=phase, budget=budget, **steps)
                (folder / str(number)).mkdir()
                (folder / str(number) / RESULT).write_text(json.dumps(asdict(record)))
        return folder

    return make
