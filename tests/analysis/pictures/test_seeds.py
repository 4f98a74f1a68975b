import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from grok.analysis import command
from grok.analysis.pictures import seeds
from grok.analysis.pictures.palette import SAFE
from grok.analysis.read.table import read_sweep
from grok.phases import Phase

LR, WD, DATA, MODEL = "opt.lr_dec", "opt.wd_dec", "seed.data", "seed.model"
TIMES = {"c": (10, 20), "g": (10, 2000), "m": (10, None), "x": (None, None), "-": None}
# The cells (1, 0), (1, 5), (2, 0), (2, 5) of learning rate and weight decay, by seeds.
PHASES = {(41, 101): "cccg", (41, 102): "ccgg", (42, 101): "cgmg", (42, 102): "cxxg"}


def sweep_of(make_sweep, phases, **further):
    members = []
    for (data, model), letters in phases.items():
        cells = itertools.product((1, 2), (0, 5))
        for (rate, decay), letter in zip(cells, letters, strict=True):
            setting = {LR: rate, WD: decay, DATA: data, MODEL: model}
            members.append((setting, TIMES[letter]))
    return read_sweep(make_sweep(*members))


def test_fractions_of_every_seed_setting(make_sweep):
    found = seeds.table(sweep_of(make_sweep, PHASES))
    assert list(found.columns) == [
        DATA, MODEL, "phase", "fraction", "cells", "mean", "low", "high",
    ]  # fmt: skip
    assert len(found) == 16
    assert set(found["cells"]) == {4}
    fractions = found.set_index([DATA, MODEL, "phase"])["fraction"].sort_index()
    assert fractions[41, 101].to_dict() == {
        "comprehension": 0.75, "grokking": 0.25, "memorization": 0, "confusion": 0,
    }  # fmt: skip
    assert fractions[42, 102].to_dict() == {
        "comprehension": 0.25, "grokking": 0.25, "memorization": 0, "confusion": 0.5,
    }  # fmt: skip
    comprehension = found[found["phase"] == "comprehension"]
    # 0.75, 0.5, 0.25, 0.25: sd 0.239357, t(3) = 3.182446, over sqrt 4
    assert set(comprehension["mean"]) == {0.4375}
    assert comprehension["low"].iloc[0] == pytest.approx(0.4375 - 0.380870, abs=1e-6)
    assert comprehension["high"].iloc[0] == pytest.approx(0.4375 + 0.380870, abs=1e-6)


@pytest.mark.parametrize(
    ("fractions", "expected"),
    [
        ([0.1, 0.2, 0.3, 0.4, 0.5], (0.3, 0.3 - 0.19632, 0.3 + 0.19632)),  # t(4) = 2.77645
        ([0.0, 0.2], (0.1, 0.0, 1.0)),  # t(1) = 12.706: beyond what a fraction can be
        ([0.5, 0.5, 0.5], (0.5, 0.5, 0.5)),
        ([0.5], (0.5, np.nan, np.nan)),
    ],
)
def test_intervals_of_small_samples(fractions, expected):
    found = seeds.mean_interval(pd.Series(fractions))
    assert found == pytest.approx(expected, abs=1e-5, nan_ok=True)


def test_the_most_common_phase_of_every_cell(make_sweep):
    sweep = sweep_of(make_sweep, PHASES)
    found = seeds.commonest(sweep.table, [LR, WD])
    # The last but one has each of four phases once: the first of Table 1 counts.
    assert found["phase"].tolist() == [
        "comprehension",
        "comprehension",
        "comprehension",
        "grokking",
    ]
    assert found["share"].tolist() == [1, 0.5, 0.25, 1]


def test_what_is_missing_does_not_count(make_sweep):
    sweep = sweep_of(make_sweep, {(41, 101): "c-gg", (41, 102): "c-m-"})
    found = seeds.table(sweep).drop_duplicates([MODEL]).set_index(MODEL)
    assert found["cells"].to_dict() == {101: 3, 102: 2}
    assert found.loc[101, "fraction"] == pytest.approx(1 / 3)
    shares = seeds.commonest(sweep.table, [LR, WD]).set_index([LR, WD])["share"]
    assert shares.to_dict() == {(1, 0): 1, (2, 0): 0.5, (2, 5): 1}


def test_the_picture(make_sweep):
    figure = seeds.draw(sweep_of(make_sweep, PHASES), SAFE)
    left, right = figure.axes
    drawn = {}
    for squares in left.collections:
        for path in squares.get_paths():
            x, y = path.vertices[:4].mean(axis=0).round(6)
            drawn[x, y] = (to_hex(squares.get_facecolor()[0]), np.ptp(path.vertices[:, 0]) ** 2)
    blue, yellow = to_hex(SAFE[Phase.COMPREHENSION]), to_hex(SAFE[Phase.GROKKING])
    assert {place: colour for place, (colour, _) in drawn.items()} == {
        (0, 0): blue, (0, 1): blue, (1, 0): blue, (1, 1): yellow,
    }  # fmt: skip
    areas = {place: area for place, (_, area) in drawn.items()}
    assert areas == pytest.approx({(0, 0): 1, (0, 1): 0.5, (1, 0): 0.25, (1, 1): 1})
    dots = [line for line in right.lines if len(line.get_ydata()) == 4]
    assert sorted(dots[0].get_ydata()) == [0.25, 0.25, 0.5, 0.75]
    assert "4 seed settings" in left.get_title()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(Phase)


def test_a_cell_that_no_seed_has_is_missing(make_sweep):
    figure = seeds.draw(sweep_of(make_sweep, {(41, 101): "c-gg", (41, 102): "c-m-"}), SAFE)
    assert figure.legends[0].get_texts()[-1].get_text() == "missing"
    assert len(figure.axes[0].collections) == 4
    assert sum(len(squares.get_paths()) for squares in figure.axes[0].collections) == 3


def test_further_keys_have_their_own_statistics(make_sweep):
    members = [
        ({LR: rate, WD: decay, DATA: seed, "task.activation": name}, times)
        for name, times in (("tanh", (10, 20)), ("relu", (10, None)))
        for rate in (1, 2)
        for decay in (0, 5)
        for seed in (41, 42)
    ]
    sweep = read_sweep(make_sweep(*members))
    found = seeds.table(sweep)
    assert list(found.columns[:3]) == ["task.activation", DATA, "phase"]
    means = found.groupby(["task.activation", "phase"])["mean"].first()
    assert means["tanh", "comprehension"] == 1
    assert means["relu", "memorization"] == 1
    figure = seeds.draw(sweep, SAFE)
    titles = [axes.get_title().splitlines()[0] for axes in figure.axes[::2]]
    assert titles == ["task.activation=tanh", "task.activation=relu"]


def test_only_with_seeds_beyond_two_keys(grid_sweep, sweep_in):
    plain = read_sweep(grid_sweep)
    assert seeds.table(plain) is None
    assert seeds.draw(plain, SAFE) is None
    lines = [({LR: rate, DATA: seed}, (1, 2)) for rate in (1, 2) for seed in (41, 42)]
    assert seeds.table(read_sweep(sweep_in("lines", *lines))) is None


def test_the_command_writes_them(make_sweep):
    sweep = sweep_of(make_sweep, PHASES)
    command.main([str(sweep.folder), "--kind", "phases"])
    names = {path.name for path in (sweep.folder / "analysis").iterdir()}
    assert {"seeds.csv", "seeds.png", "seeds.pdf"} <= names
    assert len(pd.read_csv(sweep.folder / "analysis" / "seeds.csv")) == 16
