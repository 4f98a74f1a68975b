import numpy as np
import pandas as pd
import pytest

from grok.analysis.numbers import seeds
from grok.analysis.read.table import read_sweep
from tests.analysis.special_sweeps import DATA, LR, MODEL, SEED_PHASES, WD, sweep_of_seeds


def test_fractions_of_every_seed_setting(make_sweep):
    found = seeds.seeds_table(sweep_of_seeds(make_sweep, SEED_PHASES))
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
    # 0.75, 0.5 of one data seed, 0.25, 0.25 of the other: t(1.2) = 8.4 times 0.2 is all
    assert set(comprehension["mean"]) == {0.4375}
    assert comprehension[["low", "high"]].iloc[0].tolist() == [0, 1]


def test_the_interval_of_seeds_of_which_one_matters():
    """Three data seeds, each alike whatever the model seed; and the same with one data seed."""
    index = pd.MultiIndex.from_product([(41, 42, 43), (101, 102, 103)])
    shares = pd.Series(np.repeat([0.4, 0.5, 0.6], 3), index)
    margin = 4.302653 * 0.1 / 3**0.5  # t(2)
    assert seeds.mean_interval(shares) == pytest.approx((0.5, 0.5 - margin, 0.5 + margin))
    assert np.isnan(seeds.mean_interval(shares[:3])[1:]).all()
    other = pd.Series([0.2, 0.4, 0.6], index[:3])
    margin = 4.302653 * 0.2 / 3**0.5
    assert seeds.mean_interval(other) == pytest.approx((0.4, 0, 0.4 + margin))


@pytest.mark.parametrize("count", [3, 30])
def test_the_interval_holds_the_mean_of_crossed_seeds_as_often_as_it_says(count):
    """Both seeds matter alike; 300 draws."""
    draws = np.random.default_rng(0)
    index = pd.MultiIndex.from_product([range(count)] * 2)
    held = 0
    for _ in range(300):
        data, model = draws.normal(scale=0.02, size=(2, count))
        shares = pd.Series((0.5 + data[:, None] + model).ravel(), index)
        _, low, high = seeds.mean_interval(shares)
        held += low <= 0.5 <= high
    assert 0.92 <= held / 300 <= 0.99


@pytest.mark.parametrize(
    ("fractions", "expected"),
    [
        ([0.1, 0.2, 0.3, 0.4, 0.5], (0.3, 0.3 - 0.19632, 0.3 + 0.19632)),  # t(4) = 2.77645
        ([0.0, 0.2], (0.1, 0.0, 1.0)),  # t(1) = 12.706: beyond what a fraction can be
        ([0.5, 0.5, 0.5], (0.5, np.nan, np.nan)),
        ([0.5], (0.5, np.nan, np.nan)),
    ],
)
def test_intervals_of_small_samples(fractions, expected):
    found = seeds.mean_interval(pd.Series(fractions))
    assert found == pytest.approx(expected, abs=1e-5, nan_ok=True)


def test_the_most_common_phase_of_every_cell(make_sweep):
    sweep = sweep_of_seeds(make_sweep, SEED_PHASES)
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
    sweep = sweep_of_seeds(make_sweep, {(41, 101): "c-gg", (41, 102): "c-m-"})
    found = seeds.seeds_table(sweep).drop_duplicates([MODEL]).set_index(MODEL)
    assert found["cells"].to_dict() == {101: 3, 102: 2}
    assert found.loc[101, "fraction"] == pytest.approx(1 / 3)
    assert found[["mean", "low", "high"]].isna().all(axis=None)  # not of the same cells
    shares = seeds.commonest(sweep.table, [LR, WD]).set_index([LR, WD])["share"]
    assert shares.to_dict() == {(1, 0): 1, (2, 0): 0.5, (2, 5): 1}


def test_other_cells_of_the_same_number_are_not_compared(make_sweep):
    sweep = sweep_of_seeds(make_sweep, {(41, 101): "cc--", (41, 102): "--mm"})
    found = seeds.seeds_table(sweep)
    assert set(found["cells"]) == {2}
    assert found[["mean", "low", "high"]].isna().all(axis=None)


def test_implied_cells_count_by_their_phase(refined):
    sweep = read_sweep(refined(more=[{MODEL: 1}, {MODEL: 2}]))
    found = seeds.seeds_table(sweep).set_index([MODEL, "phase"])
    assert set(found["cells"]) == {45}
    assert found["fraction"][1, "comprehension"] == 35 / 45
    assert found["fraction"][2, "memorization"] == 10 / 45
