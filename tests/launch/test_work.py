"""More workers on a sweep: a command on its folder, whoever began it."""

import os
import shutil
from dataclasses import replace

import pandas as pd
import pytest
from filelock import FileLock

from grok import job as job_module
from grok.launch import outcome, queue, stacked
from grok.launch.cluster import NUMBER
from grok.launch.queue import WORK, Worker, lay_out
from grok.launch.worker_name import described
from grok.record.names import LOCK, RESULT
from grok.record.record import finished, read_plan, write_plan
from grok.sweeps.planned import planned
from tests.in_process import run_in_process
from tests.launch.small_sweep import STRUCTURES as SWEEP
from tests.launch.small_sweep import table


@pytest.mark.long
def test_what_is_left_is_trained_with_the_same_numbers(begun, run_train, tmp_path):
    """Elsewhere, after the folder has moved."""
    moved = tmp_path / "moved"
    shutil.copytree(begun, moved)
    for job in "013":
        shutil.rmtree(moved / job)
    done = run_train("work", moved, "hydra.launcher.workers=2")
    assert done.returncode == 0, done.stderr
    assert "4 of 4 finished" in done.stdout
    assert done.stdout.endswith(f"To draw it: python analyze.py {moved}\n")
    pd.testing.assert_frame_equal(table(moved), table(begun))
    assert not (moved / WORK).exists()


@pytest.mark.long
@pytest.mark.parametrize("launcher", ["basic", "stacked"])
def test_batches_of_jobs_are_the_sweep_s(launcher, begun, run_train, tmp_path):
    """Three and then one, each with its own settings in its own folder."""
    words = ["hydra.sweeper.max_batch_size=3", f"hydra/launcher={launcher}"]
    done = run_train(*SWEEP, *words, f"hydra.sweep.dir={tmp_path}")
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(table(tmp_path), table(begun))


@pytest.mark.parametrize("given", [True, False])
def test_a_worker_trains_in_the_sweep_s_folder_wherever_it_is(given, tmp_path, monkeypatch):
    """A folder is mostly given, or chosen, as seen from the one that the sweep was begun in."""
    (tmp_path / "begun").mkdir()
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "begun")
    words = ["hydra.sweep.dir=sweeps/mine"] if given else []
    assert run_in_process(monkeypatch, *SWEEP, "hydra/launcher=basic", *words) == 0
    (folder,) = (path.parent for path in (tmp_path / "begun").rglob("plan.json"))
    monkeypatch.chdir(tmp_path / "else")
    sweep = planned(folder)
    prepared = sweep.composer.prepare(sweep.plan.overrides[0], 0)
    assert prepared.folder == folder / "0"


def test_places_are_as_seen_from_where_the_sweep_began(tmp_path, monkeypatch, capsys):
    (tmp_path / "begun" / "conf" / "task").mkdir(parents=True)
    (tmp_path / "else").mkdir()
    mine = "defaults: [toy_regression, _self_]\nwidth: 11\n"
    (tmp_path / "begun" / "conf" / "task" / "mine.yaml").write_text(mine)
    monkeypatch.chdir(tmp_path / "begun")
    words = ["-m", "task=mine", "seed.model=1,2", "phase.budget=5", "engine.compile=false"]
    words += ["hydra.searchpath=[file://conf]", "hydra.sweep.dir=sweep"]
    assert run_in_process(monkeypatch, *words) == 0
    shutil.rmtree(tmp_path / "begun" / "sweep" / "1")
    monkeypatch.chdir(tmp_path / "else")
    assert run_in_process(monkeypatch, "work", tmp_path / "begun" / "sweep") == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"To draw it: python analyze.py {tmp_path / 'begun' / 'sweep'}"
    assert finished(tmp_path / "begun" / "sweep" / "1")
    assert os.getcwd() == str(tmp_path / "else")


def fails(monkeypatch, capsys, *words):
    status, line = fails_with(monkeypatch, capsys, *words)
    return status, line.removeprefix("error: ")


def fails_with(monkeypatch, capsys, *words):
    status = run_in_process(monkeypatch, *words)
    return status, *capsys.readouterr().err.splitlines()


def test_mistakes(begun, monkeypatch, capsys, tmp_path):
    status, line = fails(monkeypatch, capsys, "work", tmp_path)
    assert (status, line) == (
        1,
        f"{tmp_path}: no sweep has begun there (no plan.json); give a sweep's folder",
    )
    status, line = fails(monkeypatch, capsys, "work")
    assert status == 2
    assert line.startswith("the following arguments are required: FOLDER; see python train.py work")
    for word in ("phase.budget=7", "hydra.launcher.cluster=slurm"):
        status, line = fails(monkeypatch, capsys, "work", begun, word)
        assert (status, line) == (
            2,
            f"{word}: the sweep has its own settings; only hydra.launcher.stack_size, "
            "hydra.launcher.workers, hydra.launcher.devices may be added",
        )


def test_what_another_launcher_is_at_is_left_to_it(begun, monkeypatch, capsys):
    with FileLock(begun / LOCK):
        status, line = fails(monkeypatch, capsys, "work", begun)
    assert status == 1
    assert line == f"{begun}: a launcher is at work there that shares it with none; wait for it"


def test_a_damaged_record_is_trained_again(begun, monkeypatch, tmp_path):
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    (tmp_path / "1" / RESULT).write_text("{")
    assert run_in_process(monkeypatch, "work", tmp_path) == 0
    pd.testing.assert_frame_equal(table(tmp_path), table(begun))
    assert (tmp_path / "1" / f"{RESULT}.damaged").exists()


def test_beside_a_batch_its_jobs_are_all_there_is(begun, monkeypatch, tmp_path):
    """The launcher lays out the others later, and answers for them."""
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    for job in "03":
        shutil.rmtree(tmp_path / job)
    lay_out(tmp_path, [[0, 1]])
    with FileLock(tmp_path / LOCK):
        assert run_in_process(monkeypatch, "work", tmp_path) == 0
    assert [finished(tmp_path / job) for job in "0123"] == [True, True, True, False]


def test_of_a_batch_that_was_left_all_jobs_are_its_own(begun, monkeypatch, capsys, tmp_path):
    """And one that fails is named by its own number."""
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    for job in "03":
        shutil.rmtree(tmp_path / job)
    lay_out(tmp_path, [[0, 1]])
    make = job_module.make_member

    def fail(cfg, folder, *more, **others):
        if folder.name == "3":
            raise ValueError("out of luck")
        return make(cfg, folder, *more, **others)

    monkeypatch.setattr(stacked, "make_member", fail)
    status, *lines = fails_with(monkeypatch, capsys, "work", tmp_path)
    assert status == 1
    assert lines[0].startswith(f"error: {tmp_path}/3 (")
    assert lines[0].endswith("ValueError: out of luck")
    assert finished(tmp_path / "0")


def test_a_launch_sees_it_before_it_has_a_job(begun, monkeypatch, capsys, tmp_path):
    """While it composes them, which takes long for many."""
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "1")
    seen = []

    def groups(*_):
        seen.extend(queue.living(tmp_path))
        with FileLock(tmp_path / LOCK, timeout=0):  # free for a launcher, which looks
            return [[0, 1, 2, 3]]

    monkeypatch.setattr(queue, "GRACE", 0)
    monkeypatch.setattr(stacked, "groups", groups)
    assert run_in_process(monkeypatch, "work", tmp_path) == 0
    (name,) = seen
    assert described(name).endswith(f"process {os.getpid()}")
    assert not (tmp_path / WORK).exists()


@pytest.mark.parametrize("number", [None, 17])
def test_what_slurm_has_is_not_known_without_it(number, begun, monkeypatch, capsys, tmp_path):
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "1")
    monkeypatch.setattr("shutil.which", lambda _: None)
    if number:
        (tmp_path / WORK).mkdir()
        (tmp_path / WORK / NUMBER).write_text(str(number))
    words = (*SWEEP, "hydra/launcher=basic", f"hydra.sweep.dir={tmp_path}")
    if number is None:
        assert run_in_process(monkeypatch, *words) == 0
        return
    status, line = fails(monkeypatch, capsys, *words)
    assert (status, line) == (
        1,
        f"hydra.sweep.dir={tmp_path}: was sent to Slurm as job 17, which nobody here can ask for "
        f"(no squeue); if it has ended, delete {tmp_path / WORK / NUMBER}",
    )


def test_plans_of_earlier_versions(begun, monkeypatch, capsys, tmp_path):
    plan = read_plan(begun)
    write_plan(tmp_path, replace(plan, overrides=[], command={}))
    status, line = fails(monkeypatch, capsys, "work", tmp_path)
    assert status == 1
    assert "begun by an earlier version" in line


@pytest.mark.parametrize("number", [None, 17])
def test_the_queue_stays_for_allocations_that_are_to_come(
    number, begun, monkeypatch, capsys, tmp_path
):
    """Those of a cluster, which find their jobs there when they start."""
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(outcome, "sent_before", lambda _folder: number)
    assert run_in_process(monkeypatch, "work", tmp_path) == 0
    assert (tmp_path / WORK).exists() == bool(number)


def test_a_launch_beside_workers_is_refused(begun, monkeypatch, capsys, tmp_path):
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    lay_out(tmp_path, [[0, 1, 2, 3]])
    monkeypatch.setattr(queue, "GRACE", 0)
    plan, words = read_plan(tmp_path), (*SWEEP, "hydra/launcher=joblib")
    with Worker(tmp_path):
        status, line = fails(monkeypatch, capsys, *words, f"hydra.sweep.dir={tmp_path}")
    assert read_plan(tmp_path) == plan
    assert status == 1
    assert line.startswith(f"hydra.sweep.dir={tmp_path}: ")
    assert line.endswith(
        "is at work there; wait for it, or have this machine work too: "
        f"python train.py work {tmp_path}"
    )


def test_another_launcher_leaves_no_queue_behind_it(begun, monkeypatch, capsys, tmp_path):
    """One that an interrupt has left would have ``work`` train beside it."""
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    lay_out(tmp_path, [[0, 1, 2, 3]])
    words = (*SWEEP, "hydra/launcher=basic", f"hydra.sweep.dir={tmp_path}")
    assert run_in_process(monkeypatch, *words) == 0
    assert not (tmp_path / WORK).exists()


def test_a_configuration_that_has_changed_since(begun, monkeypatch, capsys, tmp_path):
    """As when somebody edits a file while an array waits."""
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    plan = read_plan(tmp_path)
    common = plan.common | {"opt": plan.common["opt"] | {"wd_enc": 0.25}}
    write_plan(tmp_path, replace(plan, common=common))
    status, line = fails(monkeypatch, capsys, "work", tmp_path)
    assert status == 1
    assert line == (
        f"{tmp_path}: opt.wd_enc=0.0: was 0.25 before, when the sweep began; put that back, or "
        "begin another sweep"
    )
