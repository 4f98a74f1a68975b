"""What submitit's jobs do on a Slurm."""

import pytest
import submitit

from tests.launch.chores import whereabouts


@pytest.fixture
def executor(slurm, tmp_path):
    made = submitit.AutoExecutor(tmp_path / "jobs", cluster="slurm")
    made.update_parameters(timeout_min=5)
    return made


def test_an_array_runs_where_it_was_sent_from(executor, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = [job.result() for job in executor.map_array(whereabouts, [3, 4])]
    assert [(task["number"], task["folder"]) for task in found] == [
        ("3", str(tmp_path)),
        ("4", str(tmp_path)),
    ]
