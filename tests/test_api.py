"""Training and sweeping from Python: the command's own lines, and nothing left behind."""

import math
import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from hydra.core.global_hydra import GlobalHydra

import grok
from grok import api
from grok.errors import ConfigError, UserError
from grok.record.record import Plan, Record, read_plan, write_plan, write_record

FAST = {"engine.compile": False, "phase.budget": 30}


def test_a_grid_is_a_dictionary(tmp_path):
    with pytest.raises(
        ConfigError, match=r"grid='opt.lr_dec=1,2': must be a dictionary of keys to"
    ):
        grok.sweep("opt.lr_dec=1,2", folder=tmp_path / "sweep")


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (1e-3, "opt.lr_dec=0.001: must be a list of values; for one write [0.001]"),
        ("a,b", "opt.lr_dec='a,b': must be a list of values; for one write ['a,b']"),
        ([], "opt.lr_dec: sweeps over no values; list some, or leave it out"),
        (
            [1j],
            "opt.lr_dec=1j: is a complex; give a number, a text, True, False, None, "
            "or a list of these",
        ),
    ],
)
def test_a_grid_that_is_none(values, line, tmp_path):
    with pytest.raises(ConfigError) as told:
        grok.sweep({"opt.lr_dec": values}, folder=tmp_path / "sweep")
    assert str(told.value) == line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_mistakes_are_the_lines_of_the_command(tmp_path, capfd):
    before = list(sys.argv)
    with pytest.raises(ConfigError) as told:
        grok.sweep({"opt.lr_dec": [1, -1]}, folder=tmp_path / "sweep")
    assert str(told.value) == "opt.lr_dec=-1.0: must be a number of at least 0"
    assert capfd.readouterr() == ("", "")
    assert not (tmp_path / "sweep" / "plan.json").exists()
    assert (sys.argv, GlobalHydra.instance().is_initialized()) == (before, False)


@pytest.mark.long
def test_a_sweep_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    """The second call finds all but one of the members that the first has left."""
    monkeypatch.chdir(tmp_path)
    grid = {"opt.lr_dec": [1 / 30, 1e-3], "seed.data": [3]}
    calls = {"task": "toy_regression", "folder": "my, sweep"} | FAST
    table = grok.sweep(grid, **calls)
    *_, finished, last = capsys.readouterr().out.splitlines()
    assert finished.startswith("2 of 2 finished")
    assert last == "To draw it: grok-analyze 'my, sweep'"
    assert table["opt.lr_dec"].tolist() == [1 / 30, 1e-3]
    assert table["seed.data"].tolist() == [3, 3]
    assert table["steps"].tolist() == [30, 30]
    pd.testing.assert_frame_equal(table, grok.load("my, sweep"))
    assert read_plan(tmp_path / "my, sweep").keys == ["opt.lr_dec", "seed.data"]
    kept = (tmp_path / "my, sweep" / "0" / "result.json").read_bytes()
    (tmp_path / "my, sweep" / "1" / "result.json").unlink()
    again = grok.sweep(grid, launcher="basic", **calls)
    assert (tmp_path / "my, sweep" / "0" / "result.json").read_bytes() == kept
    times = ["wall_seconds"]
    pd.testing.assert_frame_equal(again.drop(columns=times), table.drop(columns=times))


@pytest.mark.long
def test_one_member(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = grok.train(["opt.lr_dec=1e-2"], weights="final", **FAST)
    assert run.record.steps == 30
    assert run.record.config["opt"]["lr_dec"] == 1e-2
    assert run.folder.parts[0] == "outputs"
    assert grok.load_member(run.folder).record == run.record


def test_an_interrupt_ends_the_other_process(tmp_path, monkeypatch):
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    pids = []

    def pressed(line, **_):
        pids.append(int(line))
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "COMMAND", code)
    monkeypatch.setattr(api, "print", pressed, raising=False)
    with pytest.raises(KeyboardInterrupt) as told:
        api._run([], tmp_path)
    assert str(told.value) == f"what has finished in {tmp_path} is kept; the same call goes on"
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_an_end_without_a_word_is_told(tmp_path, monkeypatch, capsys):
    code = "import sys; print('warning: odd', file=sys.stderr); sys.exit(3)"
    monkeypatch.setattr(api, "COMMAND", code)
    with pytest.raises(UserError) as told:
        api._run([], tmp_path)
    assert str(told.value) == f"{tmp_path}: training ended with status 3"
    assert capsys.readouterr().err == "warning: odd\n"


def test_it_ends_with_this_process(tmp_path):
    """A notebook's kernel that is killed leaves no sweep behind."""
    code = (
        "import grok.api as api, pathlib\n"
        "api.COMMAND = 'import os, time\\n"
        "from grok.launch.processes import end_with_input\\n"
        "end_with_input()\\nprint(os.getpid(), flush=True)\\ntime.sleep(60)'\n"
        "api._run([], pathlib.Path())\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as it:
        pid = int(it.stdout.readline())
        it.kill()
    for _ in range(50):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("it goes on")


def sweep_of(folder, missing=()):
    """A sweep of two rates and two decays, of which those `missing` haven't finished."""
    jobs = [{"opt.lr_dec": rate, "opt.wd_dec": decay} for rate in (1e-2, 1e-3) for decay in (0, 2)]
    write_plan(folder, Plan(["opt.lr_dec", "opt.wd_dec"], jobs))
    for job in {0, 1, 2, 3} - set(missing):
        phase, t_val = ("memorization", None) if job == 1 else ("grokking", 2000 + job)
        record = Record(
            "toy_regression", phase, 10 + job, t_val, budget=5000,
            threshold=0.9, grokking_gap=1000, steps=5000, stop_reason="budget", diverged=False,
            overrides=jobs[job],
        )  # fmt: skip
        write_record(folder / str(job), record)


def test_a_table_as_arrays(tmp_path):
    sweep_of(tmp_path, missing=[2])
    grid = grok.load_xarray(tmp_path)
    assert dict(grid.sizes) == {"opt.lr_dec": 2, "opt.wd_dec": 2}
    assert grid["opt.lr_dec"].values.tolist() == [1e-3, 1e-2]
    assert grid["t_train"].dims == ("opt.lr_dec", "opt.wd_dec")
    np.testing.assert_array_equal(grid["t_train"].values, [[math.nan, 13], [10, 11]])
    np.testing.assert_array_equal(grid["t_val"].values, [[math.nan, 2003], [2000, math.nan]])
    assert grid["t_val"].sel({"opt.lr_dec": 1e-3, "opt.wd_dec": 2}).item() == 2003
    assert grid["phase"].values[1].tolist() == ["grokking", "memorization"]


def test_arrays_of_a_single_run(tmp_path):
    sweep_of(tmp_path)
    grid = grok.load_xarray(tmp_path / "3")
    assert dict(grid.sizes) == {"job": 1}
    assert grid["t_val"].values.tolist() == [2003]


def test_without_xarray(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(UserError) as told:
        grok.load_xarray(tmp_path)
    assert str(told.value) == "xarray isn't installed; pip install xarray, or use grok.load"
