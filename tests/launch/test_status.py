"""How far a sweep is, and who is at work on it."""

import os
import shutil
from types import SimpleNamespace

from filelock import FileLock

from grok.launch.queue import Worker, lay_out
from grok.record.names import ERROR, LOCK
from tests.in_process import run_in_process


def test_status_is_a_line_and_who_is_at_work(begun, monkeypatch, capsys, tmp_path):
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "2")
    lay_out(tmp_path, [[0, 1, 2, 3]])
    with Worker(tmp_path) as worker:
        assert worker.take([0, 1, 2, 3]) == 2
        assert run_in_process(monkeypatch, "status", tmp_path) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("3 of 4 finished")
    assert second.endswith(f"process {os.getpid()}: at 2")
    assert run_in_process(monkeypatch, "status", tmp_path) == 0
    _, second = capsys.readouterr().out.splitlines()
    assert second == f"nobody is at work. To go on: python train.py work {tmp_path}"
    with FileLock(tmp_path / LOCK):
        assert run_in_process(monkeypatch, "status", tmp_path) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_status_ends_where_all_that_is_left_has_failed(begun, monkeypatch, capsys, tmp_path):
    """On a terminal, where it stays for what may come."""
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "2")
    lay_out(tmp_path, [[0, 1, 2, 3]])
    with Worker(tmp_path) as worker:
        assert worker.take([2]) == 2
        worker.fail(2, "out of luck")
    monkeypatch.setattr("grok.cli.status.Console", lambda: SimpleNamespace(is_terminal=True))
    assert run_in_process(monkeypatch, "status", tmp_path) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "job 2 failed: out of luck"


def test_status_of_a_sweep_whose_launch_is_over(begun, monkeypatch, capsys, tmp_path):
    """Without a queue, what failed has left its error."""
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    (tmp_path / "2" / "result.json").unlink()
    (tmp_path / "2" / ERROR).write_text("Traceback\nValueError: out of luck\n")
    monkeypatch.setattr("grok.cli.status.Console", lambda: SimpleNamespace(is_terminal=True))
    assert run_in_process(monkeypatch, "status", tmp_path) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "job 2 failed: ValueError: out of luck"
