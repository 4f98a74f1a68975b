"""A sweep's folder: resumed, owned by one process, and holding one sweep only."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from grok.errors import ConfigError, UserError
from grok.launch.queue import WORK
from grok.record.names import LOCK, RESULT
from grok.record.record import Plan, finished, read_plan
from grok.sweeps.plan import opened
from grok.sweeps.planned import Sweep

ROOT = Path(__file__).parent.parent.parent
COMMON = {"opt": {"lr_dec": 1e-4, "wd_dec": 0.0}, "phase": {"budget": 100}}
JOBS = [{"opt.lr_dec": 1e-3}, {"opt.lr_dec": 1e-2}]


def sweep(folder, keys=("opt.lr_dec",), jobs=JOBS, common=COMMON):
    plan = Plan(list(keys), jobs, common, [[] for _ in jobs])
    composer = SimpleNamespace(compose=lambda _: SimpleNamespace(cfg=OmegaConf.create()))
    return Sweep(folder, plan, OmegaConf.create({"some": "thing"}), composer)


def test_a_new_folder_gets_its_plan(tmp_path):
    with opened(sweep(tmp_path / "new")):
        assert read_plan(tmp_path / "new") == sweep(tmp_path).plan
    assert (tmp_path / "new" / "multirun.yaml").read_text() == "some: thing\n"


def test_the_same_sweep_goes_on(tmp_path):
    for _ in range(2):
        with opened(sweep(tmp_path)):
            pass


def test_a_damaged_record_is_that_of_an_unfinished_job(tmp_path, caplog):
    with opened(sweep(tmp_path)):
        pass
    for job, content in ((0, "{}"), (1, '{"schema": 99}')):
        (tmp_path / str(job)).mkdir()
        (tmp_path / str(job) / RESULT).write_text(content)
    newer = pytest.raises(UserError, match=r"1/result.json: version 99 of a record, .*; update")
    with newer, opened(sweep(tmp_path)):
        pass
    assert not finished(tmp_path / "0")
    assert (tmp_path / "0" / "result.json.damaged").read_text() == "{}"
    (line,) = caplog.messages
    assert "0/result.json: not a version 1 record; now" in line
    (tmp_path / "1" / RESULT).unlink()
    with opened(sweep(tmp_path)):
        pass


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keys": ["opt.wd_dec"]}, "swept keys: opt.wd_dec, but opt.lr_dec before"),
        (
            {"jobs": [{"opt.lr_dec": 1e-3}, {"opt.lr_dec": 0.5}]},
            r"opt.lr_dec: sweeps over \[0.001, 0.5\], but over \[0.001, 0.01\] before",
        ),
        (
            {"common": {**COMMON, "phase": {"budget": 200}}},
            "phase.budget=200: was 100 before; choose another hydra.sweep.dir",
        ),
    ],
)
def test_another_sweep_is_refused(tmp_path, changes, message):
    with opened(sweep(tmp_path)):
        pass
    with pytest.raises(ConfigError, match=message), opened(sweep(tmp_path, **changes)):
        pass
    assert read_plan(tmp_path) == sweep(tmp_path).plan


def test_a_second_process_is_refused(tmp_path):
    with (tmp_path / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with (
            pytest.raises(UserError, match="another process is at work there"),
            opened(sweep(tmp_path)),
        ):
            pass
    with opened(sweep(tmp_path)):
        pass


ARGUMENTS = ["-m", "engine.compile=false", "opt.lr_dec=1e-2,1e-3,1e-4"]


def start(folder, *more):
    command = [sys.executable, "train.py", *ARGUMENTS, f"hydra.sweep.dir={folder}", *more]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def results(folder):
    return {path.parent.name: path.read_bytes() for path in folder.glob("*/result.json")}


def wait_for_a_result(folder, process):
    deadline = time.monotonic() + 100
    while not results(folder):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.long
@pytest.mark.parametrize(
    ("launcher", "kill"),
    [("basic", signal.SIGINT), ("basic", signal.SIGKILL), ("stacked", signal.SIGKILL)],
)
def test_an_interrupted_sweep_goes_on_where_it_was(tmp_path, launcher, kill):
    options = [f"hydra/launcher={launcher}", "phase.budget=700"]
    if launcher == "stacked":
        options += ["hydra.launcher.workers=1", "hydra.launcher.stack_size=1"]
    process = start(tmp_path, *options)
    wait_for_a_result(tmp_path, process)
    os.kill(process.pid, kill)
    _, errors = process.communicate(timeout=60)
    before = results(tmp_path)
    assert 0 < len(before) < 3
    if kill is signal.SIGINT:
        assert process.returncode == 130, errors
        assert errors.startswith("error: interrupted; what has finished is kept.")
        assert f"hydra.sweep.dir={tmp_path}" in errors
    process = start(tmp_path, *options)
    out, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    assert "3 of 3 finished" in out
    after = results(tmp_path)
    assert len(after) == 3
    assert {job: after[job] for job in before} == before, "a finished job was trained again"
    assert not (tmp_path / WORK).exists()


def ps(*arguments):
    done = subprocess.run(["ps", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.split()


@pytest.mark.long
@pytest.mark.parametrize(
    ("options", "begun", "jobs"),
    [
        (["hydra/launcher=stacked", "hydra.launcher.workers=2"], ".work/*+*/[0-9]", 2),
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"], "*/.hydra/config.yaml", 2),
    ],
    ids=["stacked", "joblib"],
)
def test_workers_end_with_their_launcher(options, begun, jobs, tmp_path):
    process = start(tmp_path, *options, "phase.budget=100000")
    deadline = time.monotonic() + 100
    while len(list(tmp_path.glob(begun))) < jobs:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    workers = ps("-o", "pid=", "--ppid", str(process.pid))
    assert len(workers) >= 2
    process.kill()
    process.communicate()
    while any(state[0] != "Z" for state in ps("-o", "stat=", "-p", ",".join(workers))):
        assert time.monotonic() < deadline, "workers go on"
        time.sleep(0.05)
