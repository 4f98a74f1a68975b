"""A Slurm without accounting, and what submitit's jobs tell of their tasks there."""

import os
import signal
import sys
from pathlib import Path

import pytest
import submitit

from tests.launch import slurm_node as node
from tests.launch.chores import Returns, Stays, whereabouts

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[2]


def executor_in(folder):
    made = submitit.AutoExecutor(folder / "jobs", cluster="slurm")
    made.update_parameters(timeout_min=5)
    return made


@pytest.fixture
def executor(slurm, tmp_path):
    return executor_in(tmp_path)


def told(path, times=1):
    """What a task has told: its process and how often it was put back, each time it started."""
    node.wait_until(lambda: path.exists() and path.read_text().count("\n") >= times)
    return [tuple(map(int, line.split())) for line in path.read_text().splitlines()]


def in_queue(job):
    """A job's state in the queue; none when it has left it."""
    return node.output("squeue", "--noheader", "--array", f"--jobs={job.job_id}", "--format=%T")


def put_back(job, path):
    """Whether a job waits again, or has been seen to have begun again."""
    return in_queue(job) == "PENDING" or path.read_text().count("\n") == 2


def ending(job):
    """How Slurm remembers, for minutes, that a job ended."""
    node.wait_until(lambda: not in_queue(job))
    return node.output("squeue", "--noheader", "--states=all", f"--jobs={job.job_id}", "-o%T")


def says(job):
    """What submitit says of a job at once, without a result to wait for."""
    return job.state, job.done(force_check=True), job.paths.result_pickle.exists()


def test_an_array_runs_where_it_was_sent_from(executor, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # what this process has in its path doesn't travel
    found = [job.result() for job in executor.map_array(whereabouts, [3, 4])]
    assert found == [(number, str(tmp_path), sys.executable) for number in (3, 4)]


def test_a_lost_task_is_known_by_the_queue_alone(executor, tmp_path):
    killed, cancelled = executor.submit_array([Stays(tmp_path / "0"), Stays(tmp_path / "1")])
    [(process, _)], [(other, _)] = told(tmp_path / "0"), told(tmp_path / "1")
    assert {in_queue(job) for job in (killed, cancelled)} == {"RUNNING"}
    os.kill(process, signal.SIGKILL)
    cancelled.cancel()
    assert (ending(killed), ending(cancelled)) == ("FAILED", "CANCELLED")
    assert says(killed) == says(cancelled) == ("UNKNOWN", False, False)
    assert "task 0: Killed" in killed.stderr()
    assert "Bypassing signal SIGTERM" in cancelled.stderr()
    assert not Path(f"/proc/{other}").exists()


def test_a_task_put_back_starts_again_as_the_same_job(executor, tmp_path):
    by_hand, by_signal = executor.submit_array([Stays(tmp_path / "0"), Returns(tmp_path / "1")])
    [(process, _)], _ = told(tmp_path / "0"), told(tmp_path / "1")
    by_signal._interrupt()
    node.wait_until(lambda: put_back(by_signal, tmp_path / "1"))
    assert says(by_signal) == ("UNKNOWN", False, False)
    (tmp_path / "1.go").touch()
    node.output("scontrol", "requeue", by_hand.job_id)
    os.kill(process, signal.SIGKILL)
    node.wait_until(lambda: put_back(by_hand, tmp_path / "0"))
    assert says(by_hand) == ("UNKNOWN", False, False)
    assert [restarts for _, restarts in told(tmp_path / "0", times=2)] == [0, 1]
    assert by_signal.result()[0] == 5


def test_no_task_outlives_it(tmp_path):
    with node.slurm_node(tmp_path):
        executor_in(tmp_path).submit(Stays(tmp_path / "task"))
        [(process, _)] = told(tmp_path / "task")
    assert not Path(f"/proc/{process}").exists()


def test_what_is_missing_is_the_reason_to_skip(tmp_path, monkeypatch):
    monkeypatch.setattr(node.shutil, "which", lambda name: None if "slurm" in name else name)
    with pytest.raises(pytest.skip.Exception) as skipped, node.slurm_node(tmp_path):
        pass
    assert str(skipped.value) == "no Slurm: slurmctld, slurmd not installed (Debian: slurm-wlm)"


def test_a_daemon_that_ends_is_the_reason_to_skip(slurm, tmp_path, monkeypatch):
    broken = node.CONFIGURATION.replace("{folder}/spool", "/proc/spool")
    monkeypatch.setattr(node, "CONFIGURATION", broken)
    with pytest.raises(pytest.skip.Exception) as skipped, node.slurm_node(tmp_path):
        pass
    assert str(skipped.value).startswith("Slurm doesn't start: fatal: mkdir(/proc/spool)")
