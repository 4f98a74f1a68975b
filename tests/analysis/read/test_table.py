import json

import numpy as np
import pandas as pd
import pytest

from grok.analysis import command, load, read_sweep
from grok.analysis.read.table import Measured
from grok.errors import UserError
from grok.record.record import Plan, write_plan


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


def test_the_member_of_a_damaged_record_is_missing(grid_sweep):
    record = grid_sweep / "4" / "result.json"
    whole = record.read_text()
    record.write_text(whole[: len(whole) // 2])
    sweep = read_sweep(grid_sweep)
    assert list(sweep.table["job"]) == [0, 1, 3, 5]
    assert sweep.missing == 2
    assert f"{record}: unreadable" in sweep.damaged[record]
    record.write_text(json.dumps(json.loads(whole) | {"phase": "enlightenment"}))
    assert f"{record}: damaged ('enlightenment'" in read_sweep(grid_sweep).damaged[record]


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
    with pytest.raises(UserError, match="budget=0: must be from 1 to 100000"):
        load(folder, budget=0)
    with pytest.raises(UserError, match="budget=100001: must be from 1 to 100000, where the"):
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


def test_what_was_measured_is_in_the_table(make_sweep, add_member, measured):
    """After the fixed columns; NaN where a member lacks it."""
    settings = [{"opt.lr_dec": rate} for rate in (1e-3, 1e-2, 1e-1)]
    folder = make_sweep(*[(setting, (1, 2)) for setting in settings])
    fixed = list(load(folder))
    add_member(1, settings[1], **measured(rqi=("higher", 0.5, 0.75), distance=(None, 3.0, None)))
    add_member(2, settings[2], **measured(rqi=("higher", None, 0.25), margin=("lower", 2.0, 1.0)))
    sweep = read_sweep(folder)
    table = sweep.table
    assert list(table) == [*fixed, "rqi", "distance", "margin", "best_rqi", "best_margin"]
    nan = np.nan
    np.testing.assert_array_equal(table["rqi"], [nan, 0.5, nan])
    np.testing.assert_array_equal(table["best_rqi"], [nan, 0.75, 0.25])
    np.testing.assert_array_equal(table["distance"], [nan, 3, nan])
    np.testing.assert_array_equal(table["best_margin"], [nan, nan, 1])
    assert set(table[["rqi", "best_rqi", "distance", "best_margin"]].dtypes) == {np.dtype(float)}
    assert sweep.measured[5:] == [
        Measured("rqi", "higher", "rqi", "best_rqi"),
        Measured("distance", None, "distance", None),
        Measured("margin", "lower", "margin", "best_margin"),
    ]
    command.main([str(folder), "--kind", "times"])
    written = pd.read_csv(folder / "analysis" / "grid.csv")
    np.testing.assert_array_equal(written["best_rqi"], [nan, 0.75, 0.25])


def test_losses_and_accuracies_are_measured_too(grid_sweep):
    found = read_sweep(grid_sweep).measured
    assert [(each.name, each.better) for each in found] == [
        ("train_loss", "lower"),
        ("train_accuracy", "higher"),
        ("val_loss", "lower"),
        ("val_accuracy", "higher"),
        ("weight_norm", None),
    ]
    assert [each.best for each in found][2:] == ["best_val_loss", "best_val_accuracy", None]


def test_a_measure_named_like_another_column_keeps_both(tmp_path, add_member, measured):
    names = ("steps", "best_val_loss", "key", "a", "best_a")
    columns = {name: ("higher", float(i), 10.0 + i) for i, name in enumerate(names)}
    write_plan(tmp_path, Plan(["key", "phase"], [{"key": 7, "phase": "short"}]))
    add_member(0, {}, 100, 200, **measured(**columns))
    row = load(tmp_path).iloc[0]
    assert (row["steps"], row["steps (measured)"], row["best_steps"]) == (200, 0, 10)
    assert (row["best_val_loss"], row["best_val_loss (measured)"]) == (0.4, 1)
    assert (row["key"], row["key (measured)"], row["phase (swept)"]) == (7, 2, "short")
    # the best of a, and what is called so
    assert (row["a"], row["best_a"], row["best_a (measured)"]) == (3, 13, 4)
    assert row["best_best_a"] == 14
    assert load(tmp_path).columns.is_unique


def test_records_that_disagree_on_which_way_is_better(tmp_path, add_member, measured):
    for number, better in enumerate(("higher", "lower", "higher")):
        add_member(number, {"key": number}, **measured(score=(better, 1.0, 2.0)))
    sweep = read_sweep(tmp_path)
    assert sweep.measured[-1] == Measured("score", None, "score", None)
    assert "best_score" not in sweep.table


def test_decay_is_what_the_record_says(tmp_path, add_member):
    """Whatever the optimizer's keys; of a record of an earlier version, what AdamW's say."""
    opt = {"lr_enc": 1e-3, "lr_dec": 1e-3, "wd_enc": 2.0, "wd_dec": 2.0}
    add_member(0, {"key": 0}, decay_per_step=0.25, config={"opt": {"rate": 3}})
    add_member(1, {"key": 1}, config={"opt": opt})
    old = add_member(2, {"key": 2}, config={"opt": opt}) / "result.json"
    content = json.loads(old.read_text())
    for name in ("decay_per_step", "columns", "weights", "files", "checksum"):
        del content[name]
    old.write_text(json.dumps(content))
    np.testing.assert_array_equal(load(tmp_path)["decay_per_step"], [0.25, np.nan, 2e-3])
