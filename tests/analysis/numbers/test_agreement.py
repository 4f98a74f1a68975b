import numpy as np
import pandas as pd
import pytest

from grok.analysis import command
from grok.analysis.numbers import agreement
from grok.analysis.numbers.matching import REPEATED, implied_in, match
from grok.analysis.options import parse
from grok.analysis.read.table import read_sweep
from grok.errors import UsageError, UserError
from grok.phases import Phase
from tests.analysis.special_sweeps import LR, WD

FIGURE_1 = "re-tug/fig1-regression"


def cells(*triples):
    """Cells of (phase in A, phase in B, verdict)."""
    return pd.DataFrame(triples, columns=["phase_a", "phase_b", "verdict"])


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (1, 1, 0.2065, 1.0)],
)
def test_wilson_intervals(count, of, low, high):
    """As tabulated for z = 1.96."""
    share = agreement.Share(count, of)
    assert share.interval == pytest.approx((low, high), abs=5e-5)
    assert share.value == count / of


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([[20, 5], [10, 15]], 0.4),  # p_o = 35/50, p_e = (25 x 30 + 25 x 20) / 50^2 = 1/2
        ([[3, 0], [0, 4]], 1.0),
        ([[1, 1], [1, 1]], 0.0),
        ([[0, 2], [2, 0]], -1.0),
        ([[5, 0], [0, 0]], np.nan),
        ([[0, 0], [0, 0]], np.nan),
    ],
)
def test_kappa_by_hand(counts, expected):
    assert agreement.kappa(pd.DataFrame(counts)) == pytest.approx(expected, nan_ok=True)


def test_the_undecided_are_apart():
    found = cells(
        ("grokking", "grokking", "equal"),
        ("grokking", "confusion", "different"),
        ("memorization", "memorization", "undecided"),
    )
    counts = agreement.confusion(found)
    assert counts.loc["grokking"].tolist() == [0, 1, 0, 1]
    assert counts.loc["undecided"].tolist() == [0, 0, 1, 0]
    assert counts.to_numpy().sum() == 3
    assert list(counts.index) == [*(str(phase) for phase in Phase), "undecided"]
    assert agreement.equal_share(found) == agreement.Share(1, 2)
    assert agreement.equal_share(found[2:]) is None


def test_quantiles_of_ratios():
    logs = np.log10([1.04, 0.97, 1.06, 0.5, np.nan])
    found = agreement.ratios(pd.DataFrame({"log10_t_train": logs, "log10_t_val": [np.nan] * 5}))
    row = found.loc["t_train"]
    assert (row["cells"], row["within"]) == (4, 2)
    assert row["median"] == pytest.approx((np.log10(1.04) + np.log10(0.97)) / 2)
    # of the sorted four at 0.05 x 3 of the way
    expected = np.log10(0.5) + 0.15 * (np.log10(0.97) - np.log10(0.5))
    assert row["5 %"] == pytest.approx(expected)
    assert found.loc["t_val", "cells"] == 0


def test_the_command_tells_all_of_two_sweeps(pair, capsys):
    here, there = pair
    command.main([str(here), "--compare", str(there)])
    # p_o = 5/6; p_e = (2 x 3 + 2 x 1 + 1 + 1) / 36 = 10/36; kappa = 20/26
    assert capsys.readouterr().out.splitlines() == [
        f"A               {here}",
        f"B               {there}",
        "matched         6 cells of 6 in A and 6 in B, at 100000 steps",
        "equal           5 of 6, 83.3% (95 % interval 43.6% to 97.0%)",
        "kappa           0.769",
        "A (down) and B   comprehension      grokking  memorization     confusion",
        "comprehension                2             0             0             0",
        "grokking                     1             1             0             0",
        "memorization                 0             0             1             0",
        "confusion                    0             0             0             1",
        "log10 of A / B      median       5 %      95 %  within 5 %",
        "T_train            +0.0000   -0.2442   +0.0000  4 of 5 cells",
        "T_val              +0.0000   +0.0000   +0.2559  3 of 4 cells",
        f"table     {here}/analysis/agreement.csv",
        f"pictures  {here}/analysis/agreement.png",
        f"          {here}/analysis/agreement.pdf",
    ]
    table = pd.read_csv(here / "analysis" / "agreement.csv")
    assert list(table.columns) == [
        LR, WD, "phase_a", "t_train_a", "t_val_a", "phase_b", "t_train_b", "t_val_b",
        "budget", "verdict", "log10_t_train", "log10_t_val",
    ]  # fmt: skip
    assert table["verdict"].tolist() == ["equal", "different", *["equal"] * 4]
    assert not (there / "analysis").exists()


def test_the_command_compares_at_a_lesser_budget(pair, capsys):
    """At 1500 steps the delay of 1900 to T_val at 2000 isn't over; in B that of 900 is."""
    here, there = pair
    command.main([str(here), "--compare", str(there), "--budget", "1500"])
    out = capsys.readouterr().out.splitlines()
    assert out[2:4] == [
        "matched         6 cells of 6 in A and 6 in B, at 1500 steps",
        "equal           5 of 6, 83.3% (95 % interval 43.6% to 97.0%)",
    ]
    assert out[8] == "memorization                 1             0             2             0"


def test_what_to_know_is_told(sweep_in, capsys):
    """Matched at a constant, undecided, seeds that aren't known, and a setting that isn't equal."""
    members = [
        ({LR: 1e-5, WD: 0.0, "seed.data": seed, "extra": extra}, times)
        for seed, times in ((42, (100, None)), (43, (100, 2000)))
        for extra in ("x", "y")
    ]
    config = {"opt": {"lr_enc": 5e-4}, "seed": {"model": 102}}
    command.main([str(sweep_in("a", *members, budget=5000, config=config)), "--compare", FIGURE_1])
    out = capsys.readouterr().out.splitlines()
    assert out[1:9] == [
        "B               re-tug/fig1-regression (Re-TUG, Figure 1, right)",
        "matched         2 cells of 4 in A and 441 in B, at 5000 steps",
        "only            seed.data=42",
        "all of          extra in A: 1 cells x 2",
        "not the same    opt.lr_enc: 5e-4 in A, 1e-3 in B",
        "undecided       2 not through after 5000 steps",
        "A (down) and B   comprehension      grokking  memorization     confusion",
        "comprehension                0             0             0             0",
    ]
    assert out[12] == "undecided                    0             2             0             0"
    assert out[-1] == "pictures  none"


@pytest.mark.parametrize("name", ["re-tug/fig9", "nowhere", "a/plan.json"])
def test_nothing_to_compare_with(sweep_in, name):
    folder = sweep_in("a", ({LR: 1}, (1, 2)))
    given = folder.parent / name if name.startswith("a/") else name
    problem = "is a file" if name.startswith("a/") else "no folder and no published grid"
    with pytest.raises(UserError, match=f"^--compare {given}: {problem}; pass .* {FIGURE_1}, "):
        command.main([str(folder), "--compare", str(given)])
    assert not (folder / "analysis").exists()


def test_a_comparison_takes_no_kind():
    for more in (["--kind", "phases"], ["--theory"]):
        with pytest.raises(
            UsageError, match="leave --kind, --theory, --frame, --paths, --flow away"
        ):
            parse(["folder", "--compare", FIGURE_1, *more])
        with pytest.raises(UsageError, match="--track writes nothing else; leave --compare, --kin"):
            parse(["folder", "--track", "mlflow", *more])


def test_repeats_are_compared_with_what_is_none(sweep_in):
    """Each with the same cell; and no interval takes them for cells of their own."""
    times = {1e-3: (100, 200), 1e-2: (100, None)}
    here = [
        ({LR: rate, REPEATED: n}, times[rate] if n < 3 else (None, None))
        for rate in times
        for n in (1, 2, 3)
    ]
    a = read_sweep(sweep_in("a", *here))
    there = [({LR: rate}, time) for rate, time in times.items()]
    b = read_sweep(sweep_in("b", *there, config={"seed": {"perturb": 0}}))
    found = match(a, b)
    assert (found.keys, found.free_a) == ([LR], [REPEATED])
    lines = agreement.agreement_text(found).splitlines()
    assert "equal           4 of 6, 66.7%" in lines
    both = match(a, a)
    assert both.keys == [LR, REPEATED]
    assert "equal           6 of 6, 100.0%" in agreement.agreement_text(both).splitlines()


def test_implied_cells_count_apart(refined, capsys):
    a, b = refined(), refined("full", refine=False)
    command.main([str(a), "--compare", str(b)])
    lines = capsys.readouterr().out.splitlines()
    assert "matched         45 cells of 45 in A and 45 in B, at 100000 steps" in lines
    told = ("equal ", "  trained", "  implied")
    assert [line for line in lines if line.startswith(told)] == [
        "equal           44 of 45, 97.8%",
        "  trained       18 of 18, 100.0% (95 % interval 82.4% to 100.0%)",
        "  implied       26 of 27, 96.3%",
    ]
    table = pd.read_csv(a / "analysis" / "agreement.csv")
    assert table["implied_a"].sum() == 27
    assert not table["implied_b"].any()
    assert not (b / "analysis").exists()


def test_an_implied_phase_is_known_at_its_own_budget(refined):
    """A cell that wasn't trained may have been in another phase before."""
    a, b = refined(), refined("full", refine=False, budget=5000)
    for one, other in ((a, b), (b, a)):
        found = match(read_sweep(one), read_sweep(other)).cells
        implied = implied_in(found, "a") | implied_in(found, "b")
        assert set(found["verdict"][implied]) == {"undecided"}
        assert set(found["verdict"][~implied]) == {"equal"}
    cells = match(read_sweep(a, budget=5000), read_sweep(b), budget=5000).cells
    assert (cells["verdict"] == "equal").sum() == 44
