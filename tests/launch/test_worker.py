"""What a worker takes and trains, and in which environment."""

import itertools
import os
import shutil
from dataclasses import replace

import pytest
import torch

from grok import training
from grok.launch import queue, stacked, worker
from grok.launch.queue import WORK, lay_out
from grok.launch.settings import Spread
from grok.record.record import read_plan, write_plan
from grok.sweeps.composer import Composer
from grok.sweeps.planned import planned


def test_a_worker_whose_gpu_is_lost_leaves_the_rest(begun, monkeypatch, tmp_path):
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    for job in range(4):
        shutil.rmtree(tmp_path / str(job))
    lay_out(tmp_path, [[0, 1], [2, 3]])
    trained = []

    def lost(jobs, *_):
        trained.append(next(jobs).number)
        return False

    monkeypatch.setattr(stacked, "train", lost)
    worker.work(planned(tmp_path), Spread(1, 1, "auto"))
    assert trained == [0]
    assert queue.tickets(tmp_path / WORK / queue.FREE) == [0, 1, 2, 3]


def test_a_worker_has_the_environment_of_its_jobs(begun, monkeypatch, tmp_path):
    """As Hydra's own launchers give it to them."""
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "2")
    lay_out(tmp_path, [[0, 1, 2, 3]])
    plan, found = read_plan(tmp_path), []
    words = [*plan.command["hydra"], "+hydra.job.env_set.MINE=7"]
    write_plan(tmp_path, replace(plan, command=plan.command | {"hydra": words}))

    def train(*_):
        found.append(os.environ.get("MINE"))
        return False

    monkeypatch.setattr(stacked, "train", train)
    worker.work(planned(tmp_path), Spread(1, 1, "auto"))
    assert found == ["7"]
    assert "MINE" not in os.environ


def test_structures_of_one_job_each_are_for_all_workers(begun, monkeypatch, tmp_path):
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    for job in range(4):
        shutil.rmtree(tmp_path / str(job))
    lay_out(tmp_path, [[0], [1], [2, 3]])
    found = []

    def train(jobs, _cfg, place, *_):
        found.append((place.slots, [job.number for job in jobs if job]))
        return False

    monkeypatch.setattr(stacked, "train", train)
    monkeypatch.setattr("joblib.cpu_count", lambda: 3)
    for index in range(3):
        worker.work(planned(tmp_path), Spread("auto", "auto", "auto"), index)
    assert found == [(1, [0])] * 3


@pytest.fixture
def again(begun, tmp_path):
    """The sweep laid out again."""
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    for job in range(4):
        shutil.rmtree(tmp_path / str(job))
    lay_out(tmp_path, [[0, 1], [2, 3]])
    return tmp_path


@pytest.fixture
def trained(again, monkeypatch):
    """The jobs of each training, which all fail."""
    found = []

    def train(jobs, _cfg, _place, failed, _pace):
        numbers = [job.number for job in jobs if job]
        found.append(numbers)
        for number in numbers:
            failed(number, "enough")
        return True

    monkeypatch.setattr(stacked, "train", train)
    return found


def test_structures_take_turns(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "lateness", lambda _: [0, 1, 0, 1])
    worker.work(planned(tmp_path), Spread(2, 1, "auto"))
    assert [len(each) for each in trained] == [1] * 4


def test_a_job_that_cannot_be_prepared_fails_alone(trained, tmp_path, monkeypatch):
    prepare = Composer.prepare

    def refuse(self, overrides, number):
        if number == 1:
            raise OSError("no room")
        return prepare(self, overrides, number)

    monkeypatch.setattr(Composer, "prepare", refuse)
    worker.work(planned(tmp_path), Spread(2, 1, "auto"))
    assert sorted(job for jobs in trained for job in jobs) == [0, 2, 3]
    assert queue.failures(tmp_path)[1] == "OSError: no room"


def test_without_memory_fewer_are_to_be_trained_at_a_time(again, monkeypatch):
    def full(members, *_arguments, **_settings):
        if list(itertools.islice(members, 2)):
            raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(training, "train", full)
    worker.work(planned(again), Spread(2, 1, "auto"))
    line = "OutOfMemoryError: out of memory; train fewer at a time: hydra.launcher.stack_size=1"
    assert queue.failures(again) == dict.fromkeys(range(4), line)
