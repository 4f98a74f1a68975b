import pandas as pd
import pytest

from grok.analysis import command
from grok.analysis.read import published
from grok.errors import UserError
from grok.phases import Phase, classify

# Counted in the public results.
PHASES = {
    "re-tug/fig1-regression": (124, 171, 112, 34),
    "re-tug/fig1-classification": (103, 141, 137, 60),
    "re-tug/fig2-mnist": (35, 50, 12, 3),
    "re-tug/fig5-mnist": (64, 88, 8, 50),
}
BUDGETS = {"re-tug/fig5-mnist": 150_000}


@pytest.mark.parametrize("name", PHASES)
def test_every_grid_is_whole(name):
    grid = published.read(name)
    assert grid.keys == ["opt.lr_dec", "opt.wd_dec"]
    counts = grid.table["phase"].value_counts()
    assert tuple(counts[str(phase)] for phase in Phase) == PHASES[name]
    assert not grid.table.duplicated(grid.keys).any()
    assert set(grid.table["budget"]) == {BUDGETS.get(name, 100_000)}
    assert grid.table[grid.keys].notna().all(axis=None)
    assert grid.missing == 0


def test_there_are_no_others():
    assert list(published.facts()) == list(PHASES)
    files = {fact["file"] for fact in published.facts().values()}
    assert {path.name for path in published.HERE.glob("*.csv")} == files


@pytest.mark.parametrize("name", ["re-tug/fig2-mnist", "re-tug/fig5-mnist"])
def test_the_times_of_mnist_give_its_phases(name):
    grid = published.read(name)
    assert grid.timed
    (gap,) = grid.gaps
    for row in grid.table.to_dict("records"):
        times = [None if pd.isna(row[time]) else row[time] for time in ("t_train", "t_val")]
        assert row["phase"] == classify(*times, row["budget"], gap)


def test_a_t_val_beyond_the_budget_is_kept():
    table = published.read("re-tug/fig2-mnist").table
    assert (table["t_val"] > table["budget"]).sum() > 0


def test_a_known_cell():
    grid = published.read("re-tug/fig2-mnist")
    first = grid.table.iloc[0]
    assert first[["opt.lr_dec", "opt.wd_dec"]].tolist() == [1e-6, 1e-5]
    assert first[["t_train", "t_val", "phase"]].tolist() == [1025, 109_275, "memorization"]
    assert not published.read("re-tug/fig1-regression").timed
    assert grid.constants["task"] == "mnist"
    assert grid.constants["opt.lr_enc"] == 1e-3


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(UserError, match="re-tug/fig3: no published grid; there are re-tug/fig1-r"):
        published.read("re-tug/fig3")


def test_help_names_them(capsys):
    with pytest.raises(SystemExit):
        command.parse(["--help"])
    shown = "".join(capsys.readouterr().out.split())
    assert all(name in shown for name in PHASES)
