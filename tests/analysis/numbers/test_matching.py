import numpy as np
import pandas as pd
import pytest

from grok.analysis.numbers.matching import match
from grok.analysis.read import published
from grok.analysis.read.table import read_sweep
from grok.errors import UserError

LR, WD = "opt.lr_dec", "opt.wd_dec"
NAN = np.nan


def grid(rates, decays, times=(100, 200)):
    return [({LR: rate, WD: decay}, times) for rate in rates for decay in decays]


@pytest.fixture
def matched(sweep_in):
    """The match of two lists of members, sweeps of those names."""

    def make(here, there, budget=None, a=None, b=None):
        first = sweep_in("a", *here, **(a or {}))
        second = sweep_in("b", *there, **(b or {}))
        return match(read_sweep(first, budget), read_sweep(second), budget)

    return make


def verdicts(found):
    return found.cells["verdict"].tolist()


def test_different_grids_meet_in_their_common_cells(matched):
    found = matched(grid([1e-4, 1e-3, 1e-2], [0, 5]), grid([1e-3, 1e-2, 0.1], [5.0, 10.0]))
    assert found.cells[[LR, WD]].to_numpy().tolist() == [[1e-3, 5], [1e-2, 5]]
    assert found.keys == [LR, WD]


@pytest.mark.parametrize(("other", "same"), [(1.412538e-05, True), (1.4140e-05, False)])
def test_numbers_survive_rounding(matched, other, same):
    """10^-4.85 as a table rounds it; 1e-4 of it apart is another value."""
    here = grid([10**-4.85, 1e-2], [0])
    found = matched(here, grid([other, 1e-2], [0]))
    assert len(found.cells) == (2 if same else 1)
    assert found.cells[LR].iloc[0] == (10**-4.85 if same else 1e-2)


def test_whole_numbers_are_equal_or_not(matched):
    here, there = (
        [({"seed.model": seed, LR: 1e-3}, (1, 2)) for seed in seeds]
        for seeds in ((20240101, 20240102), (20240102, 20240103, 20240104))
    )
    found = matched(here, there)
    assert found.cells["seed.model"].tolist() == [20240102]
    constants = ({"config": {"task": {"train_size": size}}} for size in (10_000, 10_001))
    a, b = constants
    assert matched(here, here, a=a, b=b).differing == {"task.train_size": (10_000, 10_001)}


def test_zero_is_zero(matched):
    found = matched(grid([1.0], [0, 1e-9]), grid([1.0], [0.0, 5]))
    assert found.cells[WD].tolist() == [0]


def test_texts_match_exactly(matched):
    def acts(*names):
        return [({"task.activation": name, LR: 1.0}, (1, 2)) for name in names]

    found = matched(acts("tanh", "relu"), acts("relu", "leaky_relu"))
    assert found.cells["task.activation"].tolist() == ["relu"]


def test_a_key_swept_in_one_is_matched_at_the_other_s_constant(matched):
    seeds = [({LR: rate, "seed.data": seed}, (1, seed)) for rate in (1, 2) for seed in (41, 42)]
    there = [({LR: rate}, (1, 42)) for rate in (1, 2)]
    config = {"seed": {"data": 42, "model": 102}}
    found = matched(seeds, there, b={"config": config})
    assert found.cells["seed.data"].tolist() == [42, 42]
    assert found.cells["t_val_a"].tolist() == [42, 42]
    assert found.free_a == []
    # and the other way round
    again = match(found.b, found.a)
    assert again.cells["seed.data"].tolist() == [42, 42]


def test_a_key_that_the_other_does_not_know_counts_whole(matched):
    seeds = [({LR: rate, "seed.data": seed}, (1, 2)) for rate in (1, 2) for seed in (41, 42, 43)]
    found = matched(seeds, [({LR: rate}, (1, 2)) for rate in (1, 2)])
    assert len(found.cells) == 6
    assert (found.keys, found.free_a, found.free_b) == ([LR], ["seed.data"], [])


def test_of_two_jobs_with_the_same_settings_the_later_counts(matched):
    found = matched([({LR: 1}, (5, 6)), ({LR: 1}, (7, 8))], [({LR: 1}, (1, 2))])
    assert found.cells[["t_train_a", "t_val_a"]].to_numpy().tolist() == [[7, 8]]


def test_phases_are_those_at_the_lesser_budget(matched):
    """Both have times, so nothing is undecided, and A's --budget counts as its budget."""
    here = [({LR: 1}, (10, 900)), ({LR: 2}, (10, 20))]
    there = [({LR: 1}, (10, 700)), ({LR: 2}, (1500, 1600))]
    whole = matched(here, there, a={"budget": 2000}, b={"budget": 5000})
    assert whole.cells["phase_a"].tolist() == ["comprehension"] * 2
    assert whole.cells["phase_b"].tolist() == ["comprehension"] * 2
    cut = matched(here, there, budget=800, a={"budget": 2000}, b={"budget": 5000})
    assert cut.cells["phase_a"].tolist() == ["memorization", "comprehension"]
    assert cut.cells["phase_b"].tolist() == ["comprehension", "confusion"]
    assert verdicts(cut) == ["different", "different"]
    assert cut.cells["budget"].tolist() == [800, 800]
    lesser = match(whole.b, whole.a, 800)
    assert lesser.cells["phase_a"].tolist() == ["comprehension", "confusion"]


# Cells of the published Figure 1, right, that are grokking, memorization and confusion at 1e5.
CELLS = {"grokking": (1e-5, 0.0), "memorization": (1e-2, 0.0), "confusion": (1e-2, 10.0)}


@pytest.mark.parametrize(
    ("cell", "times", "verdict"),
    [
        ("grokking", (1000, 3000), "equal"),
        ("memorization", (1000, 3000), "different"),
        ("grokking", (1000, 1500), "different"),
        ("grokking", (1000, None), "undecided"),
        ("memorization", (1000, None), "undecided"),
        ("confusion", (None, None), "undecided"),
        ("confusion", (None, 500), "undecided"),
    ],
)
def test_a_shorter_run_decides_only_what_is_through(sweep_in, cell, times, verdict):
    rate, decay = CELLS[cell]
    there = published.read("re-tug/fig1-regression")
    short = sweep_in("a", ({LR: rate, WD: decay}, times), budget=20_000)
    assert verdicts(match(read_sweep(short), there)) == [verdict]
    long = sweep_in("long", ({LR: rate, WD: decay}, times))
    assert verdicts(match(read_sweep(long, 20_000), there, 20_000)) == [verdict]
    (full,) = verdicts(match(read_sweep(long), there))
    assert full in ("equal", "different")


def test_what_diverged_is_decided(sweep_in):
    rate, decay = CELLS["memorization"]
    folder = sweep_in(
        "a", ({LR: rate, WD: decay}, (10, None)), budget=20_000, steps=500, diverged=True
    )
    there = published.read("re-tug/fig1-regression")
    assert verdicts(match(read_sweep(folder), there)) == ["equal"]
    # At 400 steps it hadn't diverged yet.
    assert verdicts(match(read_sweep(folder, 400), there, 400)) == ["undecided"]


def test_a_longer_run_is_cut_at_the_published_budget(sweep_in):
    rate, decay = CELLS["memorization"]
    folder = sweep_in("a", ({LR: rate, WD: decay}, (10, 200_000)), budget=300_000)
    found = match(read_sweep(folder), published.read("re-tug/fig1-regression"))
    assert found.cells["phase_a"].tolist() == ["memorization"]
    assert verdicts(found) == ["equal"]


def test_ratios_are_of_times_that_both_have(matched):
    here = [({LR: 1}, (100, 2000)), ({LR: 2}, (50, None))]
    found = matched(here, [({LR: 1}, (10, 1000)), ({LR: 2}, (100, 200))]).cells
    np.testing.assert_allclose(found["log10_t_train"], [1, np.log10(0.5)])
    np.testing.assert_allclose(found["log10_t_val"], [np.log10(2), NAN])


def test_constants_that_differ_are_told(matched):
    a = {"config": {"opt": {"lr_enc": 1e-3, "wd_enc": 0}, "engine": {"threads": 1}}}
    b = {"config": {"opt": {"lr_enc": 2e-3, "wd_enc": 0.0}, "engine": {"threads": 2}}}
    found = matched([({LR: 1}, (1, 2))], [({LR: 1}, (1, 2))], a=a, b=b)
    assert found.differing == {"opt.lr_enc": (1e-3, 2e-3)}
    later = {"config": {"opt": {"lr_enc": 1e-3, "schedule": "cosine"}}}
    found = matched([({LR: 1}, (1, 2))], [({LR: 1}, (1, 2))], a=a, b=later)
    assert found.differing == {"opt.schedule": ("constant", "cosine")}


def test_settings_that_a_published_grid_has_not_are_told(sweep_in):
    config = {"config": {"opt": {"warmup": 1000, "clip": 1.0}, "task": {"p": 97, "width": 200}}}
    folder = sweep_in("a", ({LR: 1e-5, WD: 0.0}, (10, 20)), **config)
    differing = match(read_sweep(folder), published.read("re-tug/fig1-regression")).differing
    assert differing == {"opt.clip": (1.0, "null"), "opt.warmup": (1000, 0), "task.p": (97, 10)}


def test_a_setting_that_follows_a_swept_one_is_told(sweep_in, add_member):
    """Here opt.wd_enc is opt.wd_dec, there it is 0."""
    here = grid([1], [0, 5])
    first = sweep_in("a", *here)
    for number, (setting, times) in enumerate(here):
        opt = {"wd_enc": setting[WD], "wd_dec": setting[WD]}
        add_member(f"a/{number}", setting, *times, config={"opt": opt})
    second = sweep_in("b", *here, config={"opt": {"wd_enc": 0.0}})
    found = match(read_sweep(first), read_sweep(second))
    assert found.differing == {"opt.wd_enc": ("varies", 0)}


def test_no_common_cell(matched):
    with pytest.raises(
        UserError, match=r"no common cell; opt.lr_dec is 1, 2 in one and 3, 4, 5, ..."
    ):
        matched(grid([1, 2], [0]), grid([3, 4, 5, 6], [0]))
    with pytest.raises(UserError, match=r"among the combinations of opt.lr_dec, opt.wd_dec"):
        matched(grid([1], [0]) + grid([2], [5]), grid([1], [5]) + grid([2], [0]))


def test_a_constant_that_is_not_among_the_swept(matched):
    seeds = [({LR: 1, "seed.data": seed}, (1, 2)) for seed in (41, 43)]
    with pytest.raises(UserError, match=r"no common cell; seed.data is 41, 43 in one and 42 in"):
        matched(seeds, [({LR: 1}, (1, 2))], b={"config": {"seed": {"data": 42}}})


def test_different_tasks(matched):
    with pytest.raises(UserError, match="different tasks, mnist and toy_regression; compare"):
        matched(grid([1], [0]), grid([1], [0]), a={"task": "mnist"})


@pytest.mark.parametrize("name", ["a", "b"])
def test_nothing_finished(sweep_in, name):
    folders = {each: sweep_in(each, *grid([1], [0])) for each in "ab"}
    (folders[name] / "0" / "result.json").unlink()
    with pytest.raises(UserError, match=f"/{name}: nothing has finished, so nothing can be comp"):
        match(*(read_sweep(folder) for folder in folders.values()))


def test_a_published_grid_agrees_with_itself():
    there = published.read("re-tug/fig2-mnist")
    found = match(there, there)
    assert len(found.cells) == 100
    assert set(verdicts(found)) == {"equal"}
    assert pd.isna(found.cells["log10_t_val"]).sum() == there.table["t_val"].isna().sum()
    assert found.cells["log10_t_val"].dropna().eq(0).all()
