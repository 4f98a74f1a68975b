import json

import pandas as pd
import pytest

from grok.analysis import load, read_sweep
from grok.errors import UserError
from grok.results import Plan, write_plan


def test_load_keeps_types_and_missing_times(grid_sweep):
    table = load(grid_sweep)
    assert list(table["job"]) == [0, 1, 3, 4, 5]
    assert list(table["opt.lr_dec"]) == [1e-2, 1e-2, 1e-3, 1e-4, 1e-4]
    assert list(table["opt.wd_dec"]) == [5, 0, 0, 5, 0]
    assert table["t_val"].dtype == "Int64"
    assert table["t_val"].isna().tolist() == [True, True, False, False, False]
    assert table["t_val"].iloc[4] == 460
    assert list(table["phase"]) == [
        "confusion",
        "memorization",
        "grokking",
        "comprehension",
        "comprehension",
    ]
    assert list(table["folder"]) == [str(grid_sweep / str(job)) for job in (0, 1, 3, 4, 5)]
    assert table["diverged"].dtype == bool


def test_planned_jobs_without_a_record_are_missing(grid_sweep):
    (grid_sweep / "5" / "result.json").unlink()
    sweep = read_sweep(grid_sweep)
    assert (len(sweep.planned), len(sweep.table), sweep.missing) == (6, 4, 2)
    assert sweep.keys == ["opt.wd_dec", "opt.lr_dec"]
    assert sweep.gaps == [1000]


def test_without_a_plan_keys_are_those_that_differ(tmp_path, add_member):
    # Numbers sort as numbers; a folder of another name or without a record is no member.
    for number, rate in ((10, 0.1), (9, 0.2)):
        add_member(number, {"task": "toy", "opt.lr_dec": rate, "widths": [200, 200]})
    (tmp_path / "8").mkdir()
    (tmp_path / "notes").mkdir()
    sweep = read_sweep(tmp_path)
    assert sweep.keys == ["opt.lr_dec"]
    assert list(sweep.table["job"]) == [9, 10]
    assert list(sweep.table["opt.lr_dec"]) == [0.2, 0.1]
    assert sweep.missing == 0


def test_a_run_by_itself_is_a_sweep_of_one(add_member):
    folder = add_member(7, {"opt.lr_dec": 0.1})
    sweep = read_sweep(folder)
    assert sweep.keys == []
    assert list(sweep.table["job"]) == [0]
    assert list(sweep.table["folder"]) == [str(folder)]
    assert sweep.member_folder(0) == folder


def test_nothing_finished_has_the_same_columns_and_types(grid_sweep):
    full = load(grid_sweep)
    for result in grid_sweep.glob("*/result.json"):
        result.unlink()
    empty = load(grid_sweep)
    assert len(empty) == 0
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2], [1, 2]),
        (["1e-3", 2], [0.001, 2.0]),
        ([True, False], ["True", "False"]),
        (["relu", "tanh"], ["relu", "tanh"]),
        ([[200, 200], [50]], ["[200, 200]", "[50]"]),
        ([None, 1], ["null", "1"]),
    ],
)
def test_swept_values_are_numbers_or_texts(make_sweep, values, expected):
    folder = make_sweep(*[({"key": value}, (1, 2)) for value in values])
    assert load(folder)["key"].tolist() == expected


def test_a_swept_key_named_like_a_result_keeps_both(make_sweep):
    folder = make_sweep(({"phase": "short"}, (1, 2)), ({"phase": "long"}, (1, 5000)))
    table = load(folder)
    assert table["phase (swept)"].tolist() == ["short", "long"]
    assert table["phase"].tolist() == ["comprehension", "grokking"]


def test_records_outside_the_plan_are_left_out(make_sweep, add_member):
    folder = make_sweep(({"key": 1}, (1, 2)))
    add_member(5, {"key": 9})
    assert load(folder)["job"].tolist() == [0]


def test_final_values_that_are_none_are_missing(add_member):
    folder = add_member(0, final={"train_loss": None}, diverged=True)
    row = load(folder).iloc[0]
    assert pd.isna(row["train_loss"])
    assert pd.isna(row["weight_norm"])
    assert bool(row["diverged"]) is True


def test_damaged_files_are_named(grid_sweep):
    record = grid_sweep / "4" / "result.json"
    whole = record.read_text()
    record.write_text(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"4/result\.json: unreadable"):
        load(grid_sweep)
    record.write_text(json.dumps(json.loads(whole) | {"phase": "enlightenment"}))
    with pytest.raises(UserError, match=r"4/result\.json: damaged"):
        load(grid_sweep)


def test_empty_plan_has_no_members(tmp_path):
    write_plan(tmp_path, Plan(keys=[], jobs=[]))
    assert len(load(tmp_path)) == 0


def test_a_shorter_budget_changes_phases_only(make_sweep):
    settings = [{"opt.lr_dec": rate} for rate in (1e-5, 1e-4, 1e-3)]
    times = [(100, 2000), (100, 60_000), (70_000, 90_000)]
    folder = make_sweep(*zip(settings, times, strict=True))
    whole, short = load(folder), load(folder, budget=50_000)
    assert whole["phase"].tolist() == ["grokking"] * 3
    assert short["phase"].tolist() == ["grokking", "memorization", "confusion"]
    pd.testing.assert_frame_equal(whole.drop(columns="phase"), short.drop(columns="phase"))
    with pytest.raises(UserError, match="--budget 100001: the runs were ended at 100000 steps"):
        load(folder, budget=100_001)


def test_runs_of_several_tasks_are_no_sweep(tmp_path, add_member):
    for number, task in enumerate(("toy_regression", "mnist")):
        add_member(number, {"task": task, "opt.lr_dec": 0.1}, task=task)
    with pytest.raises(UserError, match=r"several tasks \(mnist, toy_regression\); put the runs"):
        load(tmp_path)
    # A plan that doesn't sweep over tasks makes none of it, one that does makes a sweep.
    write_plan(tmp_path, Plan(["opt.lr_dec"], [{"opt.lr_dec": 0.1}] * 2))
    with pytest.raises(UserError, match="several tasks"):
        load(tmp_path)
    write_plan(tmp_path, Plan(["task"], [{"task": "toy_regression"}, {"task": "mnist"}]))
    assert load(tmp_path)["task"].tolist() == ["toy_regression", "mnist"]
    assert "task" not in read_sweep(tmp_path).constants


def test_constants_are_what_all_members_share(tmp_path, add_member):
    for number, rate in enumerate((0.1, 0.2)):
        opt = {"lr_dec": rate, "lr_enc": "1e-3", "betas": [0.9, 0.999]}
        add_member(number, {}, config={"opt": opt, "phase": {"early_stop": True}})
    assert read_sweep(tmp_path).constants == {
        "task": "toy_regression",
        "opt.lr_dec": "varies",
        "opt.lr_enc": 0.001,
        "opt.betas": "[0.9, 0.999]",
        "phase.early_stop": "True",
    }
