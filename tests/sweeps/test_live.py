import dataclasses
import io

import pytest
from rich.console import Console

from grok.record.names import ERROR
from grok.record.record import Plan, Record, write_record
from grok.sweeps import live
from grok.sweeps.live import COLOURS, Progress, watching
from grok.sweeps.refine import refine

RECORD = Record("toy", "grokking", 10, 2000, 5000, 0.9, 1000, 2000, "early_stop", diverged=False)
PLAN = Plan(["lr", "wd"], [{"lr": lr, "wd": wd} for lr in (1, 2, 3) for wd in (0, 5)])


@pytest.fixture
def folder(tmp_path):
    write_record(tmp_path / "0", RECORD)
    write_record(tmp_path / "3", dataclasses.replace(RECORD, phase="confusion", t_train=None))
    (tmp_path / "4").mkdir()
    return tmp_path


def on_a_terminal(progress, width=80, height=24, **settings):
    """The lines that are shown there."""
    settings = {"force_terminal": True, "color_system": "truecolor", "legacy_windows": False} | (
        settings
    )
    console = Console(file=io.StringIO(), width=width, height=height, **settings)
    lines = console.render_lines(progress.picture(console), pad=False)
    return ["".join(segment.text for segment in line) for line in lines]


def test_cells_are_phases_running_or_waiting(folder):
    progress = Progress(folder, PLAN)
    cells = [progress.cell(job, coloured=True) for job in range(6)]
    assert [cell.plain for cell in cells] == ["██", "· ", "· ", "██", "▒▒", "· "]
    assert (cells[0].style, cells[3].style) == (COLOURS["grokking"], COLOURS["confusion"])


def test_counts_come_first_and_the_first_key_runs_along_x(folder):
    assert on_a_terminal(Progress(folder, PLAN)) == [
        "2 of 6 finished, 0:00",
        "██ comprehension 0  ██ grokking 1  ██ memorization 0  ██ confusion 1  ",
        "██· ▒▒",
        "· ██· ",
    ]


@pytest.mark.parametrize("settings", [{"no_color": True}, {"color_system": None}])
def test_letters_where_there_are_no_colours(folder, settings):
    assert on_a_terminal(Progress(folder, PLAN), **settings)[1:] == [
        "C  comprehension 0  G  grokking 1  M  memorization 0  X  confusion 1  ",
        "G · ▒▒",
        "· X · ",
    ]


def test_cells_that_failed_say_so_and_tell_nothing(tmp_path):
    """One end of a line has failed, so the whole of it is wanted."""
    plan = Plan(["lr"], [{"lr": lr} for lr in range(5)], refine=True)
    write_record(tmp_path / "0", RECORD)
    progress = Progress(tmp_path, plan)
    assert progress.line() == "1 of 2 finished, 0 implied, 0:00"
    (tmp_path / "4").mkdir()
    (tmp_path / "4" / ERROR).touch()
    progress.update()
    wanted = refine(plan.jobs, {0: RECORD.phase}, {4}).wanted
    assert progress.line().startswith(f"1 of {len(wanted)} finished, 0 implied")
    cells = [progress.cell(job, coloured=True).plain for job in range(5)]
    assert cells == ["██", "· ", "· ", "· ", "! "]


def test_cells_that_are_implied(tmp_path):
    """Of a line of five values whose ends agree, and then don't."""
    plan = Plan(["lr"], [{"lr": lr} for lr in range(5)], refine=True)
    write_record(tmp_path / "0", RECORD)
    progress = Progress(tmp_path, plan)
    assert progress.line() == "1 of 2 finished, 0 implied, 0:00"
    write_record(tmp_path / "4", RECORD)
    progress.update()
    assert progress.line().startswith("2 of 2 finished, 3 implied, 0:00")
    cells = [progress.cell(job, coloured=True) for job in range(5)]
    assert [cell.plain for cell in cells] == ["██", "░░", "░░", "░░", "██"]
    assert {cell.style for cell in cells} == {COLOURS["grokking"]}
    assert [progress.cell(job, coloured=False).plain for job in range(2)] == ["G ", "g "]
    write_record(tmp_path / "2", dataclasses.replace(RECORD, phase="confusion", t_train=None))
    progress.update()
    assert progress.line().startswith("3 of 5 finished, 0 implied, 0:00")


def test_what_there_is_no_room_for_is_left_out_and_counts_stay(tmp_path):
    plan = Plan(["lr", "wd"], [{"lr": lr, "wd": wd} for lr in range(50) for wd in range(30)])
    lines = on_a_terminal(Progress(tmp_path, plan), width=80, height=10)
    assert len(lines) == 9
    assert lines[0] == "0 of 1500 finished, 0:00"
    assert lines[2:8] == ["· " * 40] * 6
    assert lines[8] == "30 rows of 50 cells; there is room for a part"


def test_columns_of_different_lengths_have_gaps(tmp_path):
    progress = Progress(tmp_path, Plan(["lr"], [{"lr": 1}, {"lr": 1}, {"lr": 2}]))
    assert on_a_terminal(progress)[2:] == ["· · ", "·   "]


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


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def shown(folder, monkeypatch, **environment):
    """What a sweep of no time prints on a terminal."""
    for name, value in {"TERM": "xterm-256color", **environment}.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    with watching(folder, PLAN):
        pass
    return terminal.getvalue()


def test_a_terminal_shows_the_grid(folder, monkeypatch):
    assert "██" in shown(folder, monkeypatch)


def test_a_dumb_terminal_has_plain_lines(folder, monkeypatch):
    assert shown(folder, monkeypatch, TERM="dumb") == "2 of 6 finished, 0:00\n"


def test_an_encoding_without_blocks_has_plain_lines(folder, monkeypatch):
    monkeypatch.setattr(Terminal, "encoding", "ascii")
    assert shown(folder, monkeypatch) == "2 of 6 finished, 0:00\n"


def test_a_grid_that_fails_gives_way_to_lines(folder, monkeypatch, capsys):
    monkeypatch.setattr(Progress, "picture", lambda *_: 1 / 0)
    assert shown(folder, monkeypatch).endswith("2 of 6 finished, 0:00\n")
    assert capsys.readouterr().err == (
        "warning: progress can't be shown (ZeroDivisionError: division by zero)\n"
    )


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RuntimeError("no"), "warning: progress can't be shown (RuntimeError: no)\n"),
        (BrokenPipeError(), ""),
    ],
)
def test_whatever_fails_the_sweep_goes_on(folder, monkeypatch, capsys, error, told):
    def fail(_):
        raise error

    monkeypatch.setattr(Progress, "line", fail)
    with watching(folder, PLAN):
        pass
    assert capsys.readouterr().err == told


def test_a_damaged_record_counts_once_it_can_be_read(folder):
    (folder / "1").mkdir()
    (folder / "1" / "result.json").write_text("{")
    progress = Progress(folder, PLAN)
    assert progress.line() == "2 of 6 finished, 0:00"
    write_record(folder / "1", RECORD)
    progress.update()
    assert progress.line().startswith("3 of 6 finished")
