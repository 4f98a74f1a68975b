"""The cells of a refined sweep that weren't trained, in its table."""

import pytest

import grok
from grok.analysis import load, read_sweep
from grok.record.names import CHECKPOINT, ERROR
from grok.record.record import Plan, read_plan, write_plan
from tests.analysis.special_sweeps import LR, REFINED, WD

TRAINED = [number for number, cell in enumerate("".join(REFINED)) if cell == "#"]


def test_a_plan_keeps_whether_it_is_refined(tmp_path):
    for refine in (True, False):
        write_plan(tmp_path, Plan(["a"], [{"a": 1}], refine=refine))
        assert read_plan(tmp_path).refine is refine
    assert Plan(["a"], []).refine is False


def test_implied_cells_have_a_phase_and_no_numbers(refined):
    table = load(refined())
    assert table["job"].tolist() == list(range(45))
    assert table.index.tolist() == list(range(45))
    assert list(table.columns[:8]) == [
        "job", WD, LR, "t_train", "t_val", "budget", "phase", "implied",
    ]  # fmt: skip
    assert table["job"][~table["implied"]].tolist() == TRAINED
    for number, row in table.iterrows():
        assert row["phase"] == ("memorization" if number % 9 > 6 else "comprehension")
    numbers = table[table["implied"]].drop(columns=["job", WD, LR, "phase", "implied", "diverged"])
    assert numbers.isna().all(axis=None)
    assert not table["diverged"].any()
    same = load(refined("full", refine=False))
    assert "implied" not in same
    assert (table.drop(columns="implied").dtypes == same.dtypes).all()


def test_members_are_the_trained_only(refined):
    sweep = read_sweep(refined())
    assert sweep.table["job"].tolist() == sorted(sweep.records) == TRAINED
    assert len(sweep.implied) == 27
    assert sweep.missing == 0
    assert sweep.known.loc[sweep.table.index, "job"].tolist() == TRAINED


def test_what_is_wanted_and_not_trained_is_missing(refined):
    """A corner: nothing is known of the square that it should tell of."""
    sweep = read_sweep(refined("no-corner", without=[0]))
    square = {9 * y + x for y in range(5) for x in range(5)}
    assert set(sweep.planned["job"]) - set(sweep.known["job"]) == square - set(TRAINED) - {
        13, 31,
    } | {0}  # fmt: skip
    sweep = read_sweep(refined("no-neighbour", without=[7]))
    assert set(sweep.planned["job"]) - set(sweep.known["job"]) == {7}
    empty = read_sweep(refined("nothing", without=range(45)))
    assert (len(empty.table), len(empty.known), empty.missing) == (0, 0, 45)


def test_a_running_job_is_not_implied(refined):
    folder = refined()
    (folder / "1").mkdir()
    (folder / "1" / CHECKPOINT).touch()
    sweep = read_sweep(folder)
    assert set(sweep.planned["job"]) - set(sweep.known["job"]) == {1}


def test_a_failed_job_is_missing_and_its_square_is_known_from_those_around_it(refined):
    folder = refined(without=[0], also=[1, 2, 9, 10, 18, 20, 38])
    assert read_sweep(folder).missing > 1
    (folder / "0").mkdir()
    (folder / "0" / ERROR).touch()
    sweep = read_sweep(folder)
    assert set(sweep.planned["job"]) - set(sweep.known["job"]) == {0}


def test_phases_of_a_smaller_budget_imply_those_of_its_cells(refined):
    table = load(refined(), budget=150)  # none generalises, by then
    assert set(table["phase"]) == {"memorization"}
    assert len(table) == 45


def test_a_swept_key_of_that_name(refined):
    folder = refined(more=[{"implied": 1}, {"implied": 2}])
    table = load(folder)
    assert table["implied (swept)"].tolist() == [1] * 45 + [2] * 45
    assert table["implied"].sum() == 54


def test_as_arrays(refined):
    pytest.importorskip("xarray", reason="xarray isn't installed")
    arrays = grok.load_xarray(refined())
    assert arrays["implied"].sel({WD: 1.0}).values.tolist() == [True] * 6 + [False] * 2 + [True]
    assert arrays["phase"].values[1, 0] == "comprehension"
