"""What Slurm is told, and what is made of what it says; without one."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from grok.errors import UserError
from grok.launch import cluster
from grok.launch.agenda import Agenda
from grok.launch.cluster import Allocation, Array
from grok.launch.queue import WORK, Worker, lay_out
from grok.launch.settings import Stacked
from grok.record.record import Plan


def told_to(monkeypatch, tmp_path, **settings):
    """What submitit's executor is given for these settings."""
    import submitit

    found = {}

    class Executor:
        def __init__(self, folder, cluster, slurm_max_num_timeout):
            found.update(folder=folder, cluster=cluster)

        def update_parameters(self, **options):
            found.update(options)

    monkeypatch.setattr(submitit, "AutoExecutor", Executor)
    cluster._executor(tmp_path, Stacked(cluster="slurm", **settings))
    return found


def test_every_setting_comes_to_slurm(monkeypatch, tmp_path):
    told = told_to(
        monkeypatch,
        tmp_path,
        timeout_min=90,
        cpus_per_task=8,
        gpus_per_node=2,
        mem_gb=32,
        partition="gpu",
        account="mine",
        qos="low",
        constraint="a100",
        array_parallelism=3,
        setup=["module load cuda"],
        additional={"nice": 100},
    )
    assert told == {
        "folder": tmp_path / ".submitit",
        "cluster": "slurm",
        "name": "grok",
        "timeout_min": 90,
        "cpus_per_task": 8,
        "gpus_per_node": 2,
        "mem_gb": 32,
        "slurm_partition": "gpu",
        "slurm_account": "mine",
        "slurm_qos": "low",
        "slurm_constraint": "a100",
        "slurm_array_parallelism": 3,
        "slurm_setup": ["module load cuda"],
        "slurm_additional_parameters": {"nice": 100},
        "slurm_srun_args": ["--cpus-per-task=8"],
    }
    assert "slurm_srun_args" not in told_to(monkeypatch, tmp_path)


def test_submitit_is_asked_for_where_it_is_needed(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UserError, match=r"hydra.launcher.cluster=slurm: needs submitit; pip inst"):
        cluster.send(tmp_path, Stacked(cluster="slurm"))


def says(stdout, stderr="", returncode=0):
    return SimpleNamespace(stdout=stdout, stderr=stderr, returncode=returncode)


@pytest.mark.parametrize(
    ("answer", "there"),
    [
        (says("RUNNING\nPENDING\n"), True),
        (says(""), False),
        (says("", "slurm_load_jobs error: Invalid job id specified", 1), False),
        (says("", "Unable to contact slurm controller", 1), True),
        (FileNotFoundError("squeue"), True),
        (subprocess.TimeoutExpired("squeue", 60), True),
    ],
)
def test_a_slurm_that_does_not_answer_may_have_the_array(answer, there, monkeypatch):
    def run(command, **_):
        assert command == ["squeue", "--noheader", "--format=%T", "--jobs=17"]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(cluster.subprocess, "run", run)
    assert cluster.in_slurms_queue(17) is there


def test_allocations_that_wait_for_nothing_are_taken_back(monkeypatch, tmp_path):
    lay_out(tmp_path, [[0]])
    commands = []

    def run(command, **_):
        commands.append(command[0])
        if command[0] == "scancel":
            assert command[1:] == ["--state=PENDING", "17"]
        return says("" if "scancel" in commands else "PENDING\n")

    monkeypatch.setattr(cluster.subprocess, "run", run)
    monkeypatch.setattr(cluster, "LOOK", 0.01)
    with Worker(tmp_path) as worker:
        worker.take([0])
        monkeypatch.setattr(cluster.time, "sleep", lambda _: worker.fail(0, "done with"))
        cluster.wait(Array([], 17), Agenda(tmp_path, Plan([], [{}]), [0]))
    assert commands == ["squeue", "squeue", "scancel", "squeue"]


def test_an_allocation_counts_its_own_cores(monkeypatch, tmp_path):
    """And one that starts when all jobs have ended does nothing."""
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "3")
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "64")
    Allocation(tmp_path)()
    assert os.environ["LOKY_MAX_CPU_COUNT"] == "3"
    assert not (tmp_path / WORK).exists()
