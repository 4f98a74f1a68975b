"""What is said of a command that ended early, and that what it says can be pasted."""

import os
import shlex
import signal
import subprocess
import sys
import time

import pytest

from grok import errors
from grok.errors import InterruptionError, run_reporting
from grok.record.names import CHECKPOINT
from grok.sweeps.going_on import (
    command_in,
    deaf_children,
    interrupted_run,
    interrupted_sweep,
    killed_worker,
)


@pytest.fixture
def train(monkeypatch):
    """Makes a command line the one that is running."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["train.py", *words])
        monkeypatch.setattr(sys, "orig_argv", ["python3", "train.py", *words])

    return run


@pytest.mark.parametrize(
    ("words", "folder", "command"),
    [
        (["-m", "a=1,2"], "out/1", "python3 train.py -m a=1,2 hydra.sweep.dir=out/1"),
        (["a=1,2", "-m"], "out/1", "python3 train.py -m a=1,2 hydra.sweep.dir=out/1"),
        (["-m"], "out/1", "python3 train.py -m hydra.sweep.dir=out/1"),
        (
            ["-m", "hydra.sweep.dir=out/1", "a=range(1,5)"],
            "out/1",
            "python3 train.py -m 'a=range(1,5)' hydra.sweep.dir=out/1",
        ),
        (["-m", "a=1"], "a b/c=d", "python3 train.py -m a=1 'hydra.sweep.dir=\"a b/c=d\"'"),
        (
            ["--config-dir", "mine", "-m", "a=1"],
            "x",
            "python3 train.py --config-dir mine -m a=1 hydra.sweep.dir=x",
        ),
    ],
)
def test_the_command(words, folder, command, train):
    train(*words)
    assert command_in("hydra.sweep.dir", folder) == command


def test_a_single_run_goes_on_where_it_has_a_checkpoint(tmp_path, train):
    train("a=1")
    command = f"python3 train.py a=1 hydra.run.dir={shlex.quote(str(tmp_path))}"
    begun = f"interrupted before its first checkpoint. To start again: {command}"
    assert str(interrupted_run(tmp_path)) == begun
    (tmp_path / CHECKPOINT).touch()
    kept = f"interrupted; its last checkpoint is kept. To go on: {command}"
    assert str(interrupted_run(tmp_path)) == kept


def test_a_sweep_goes_on(train):
    train("-m", "a=1,2")
    command = "python3 train.py -m a=1,2 hydra.sweep.dir=x"
    said = f"interrupted; what has finished is kept. To go on: {command}"
    assert str(interrupted_sweep("x")) == said
    killed = killed_worker("x")
    assert killed.startswith("a worker was killed, as it is when memory runs out (fewer need less:")
    assert killed.endswith(f"what has finished is kept. To go on: {command}")


def as_memory_error():
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt as error:
        raise MemoryError from error


def ctrl_c():
    raise KeyboardInterrupt


@pytest.mark.parametrize("command", [ctrl_c, as_memory_error])
def test_ctrl_c_is_a_line_whatever_a_library_makes_of_it(command, capsys):
    with pytest.raises(SystemExit) as ended:
        run_reporting(command)
    assert (ended.value.code, capsys.readouterr().err) == (130, "error: interrupted\n")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_end_a_command_as_ctrl_c_does(number, status, capsys, monkeypatch):
    monkeypatch.setattr(errors, "_received", [])
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(SystemExit) as ended:
            run_reporting(lambda: signal.raise_signal(number))
    finally:
        signal.signal(number, before)
    assert ended.value.code == status
    assert capsys.readouterr().err == f"error: ended by {number.name}\n"


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run_reporting(lambda: signal.raise_signal(signal.SIGHUP))
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_interruption_is_a_user_error():
    assert InterruptionError("; x").exit_status == 130


def test_children_started_in_the_block_do_not_hear_ctrl_c():
    code = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    with deaf_children():
        child = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        assert child.stdout == b"True\n"
        with pytest.raises(KeyboardInterrupt):
            press_and_wait()
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def press_and_wait():
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(500):  # short, for it is another thread that hears it
        time.sleep(0.01)
