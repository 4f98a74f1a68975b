import dataclasses
import io

import pytest
from rich.console import Console

from grok.results import Plan, Record, write_record
from grok.sweep import live
from grok.sweep.live import COLOURS, Progress, watching

RECORD = Record("toy", "grokking", 10, 2000, 5000, 0.9, 1000, 2000, "early_stop", diverged=False)
PLAN = Plan(["lr", "wd"], [{"lr": lr, "wd": wd} for lr in (1, 2, 3) for wd in (0, 5)])


@pytest.fixture
def folder(tmp_path):
    write_record(tmp_path / "0", RECORD)
    write_record(tmp_path / "3", dataclasses.replace(RECORD, phase="confusion", t_train=None))
    (tmp_path / "4").mkdir()
    return tmp_path


def test_cells_are_phases_running_or_waiting(folder):
    progress = Progress(folder, PLAN)
    cells = [progress.cell(job) for job in range(6)]
    assert [cell.plain for cell in cells] == ["██", "· ", "· ", "██", "▒▒", "· "]
    assert (cells[0].style, cells[3].style) == (COLOURS["grokking"], COLOURS["confusion"])


def test_the_first_key_runs_along_x(folder):
    console = Console(file=io.StringIO(), width=80)
    console.print(Progress(folder, PLAN).picture())
    rows = console.file.getvalue().splitlines()
    assert rows[:2] == ["██· ▒▒", "· ██· "]
    assert "comprehension" in rows[3] or "comprehension" in rows[2]
    assert rows[-1].startswith("2 of 6 finished")


def test_the_line_counts_what_this_process_has_seen(folder, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    progress = Progress(folder, PLAN)
    assert progress.line() == "2 of 6 finished, 0:00"
    write_record(folder / "1", RECORD)
    now[0] += 65
    progress.update()
    assert progress.line() == "3 of 6 finished, 1:05, 31 member-steps/s, about 3:15 left"


def test_without_a_terminal_plain_lines(folder, capsys):
    with watching(folder, PLAN):
        write_record(folder / "5", RECORD)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("3 of 6 finished, 0:00")
