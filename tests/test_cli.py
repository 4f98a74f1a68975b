"""The command line, end to end: runs, sweeps, and one clear line for each mistake."""

import errno
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from omegaconf import OmegaConf

from grok.analysis import load
from grok.checks.explain import explained
from grok.record.record import read_plan, read_record
from tests.in_process import run_in_process

ROOT = Path(__file__).parent.parent
FAST = ["engine.compile=false", "phase.budget=60", "opt.lr_dec=1e-2"]


@pytest.mark.long
def test_a_solo_run(tmp_path, run_train, run_python):
    done = run_train(*FAST, "seed.model=101", f"hydra.run.dir={tmp_path}")
    assert (done.returncode, done.stderr) == (0, "")
    record = read_record(tmp_path)
    assert done.stdout.startswith(record.phase)
    assert record.overrides == {
        "engine.compile": False,
        "phase.budget": 60,
        "opt.lr_dec": 0.01,
        "seed.model": 101,
    }
    assert record.task == "toy_regression"
    assert record.config["opt"]["lr_dec"] == 0.01
    composed = OmegaConf.load(tmp_path / ".hydra" / "config.yaml")
    assert OmegaConf.to_container(composed, resolve=True) == record.config
    assert run_python("analyze.py", tmp_path).returncode == 0


@pytest.mark.long
def test_basic_and_joblib_sweeps_agree_and_are_analysed(tmp_path, run_train, run_python):
    settings = [*FAST[:1], "phase.budget=200", "phase.threshold=0.4"]
    axes = ["opt.lr_dec=1e-2,1e-3", "opt.wd_dec=0,2"]
    tables = {}
    for launcher in ("basic", "joblib"):
        folder = tmp_path / launcher
        options = [f"hydra/launcher={launcher}", f"hydra.sweep.dir={folder}"]
        done = run_train("-m", *settings, *axes, *options)
        assert done.returncode == 0, done.stderr
        assert read_plan(folder).keys == ["opt.lr_dec", "opt.wd_dec"]
        tables[launcher] = load(folder).drop(columns=["wall_seconds", "folder"])
    drawn = run_python("analyze.py", folder)
    assert drawn.returncode == 0, drawn.stderr
    assert "4 of 4 finished" in drawn.stdout
    assert (folder / "analysis" / "phases.png").stat().st_size > 5000
    pd.testing.assert_frame_equal(tables["basic"], tables["joblib"])
    assert tables["basic"]["opt.lr_dec"].tolist() == [1e-2, 1e-2, 1e-3, 1e-3]
    assert tables["basic"]["phase"].nunique() > 1


def test_a_used_folder_keeps_its_run(tmp_path, monkeypatch, capfd):
    folder = f"hydra.run.dir={tmp_path}"
    assert run_in_process(monkeypatch, *FAST, folder) == 0
    before, first = (tmp_path / "result.json").read_bytes(), capfd.readouterr().out
    assert run_in_process(monkeypatch, *FAST, folder) == 0
    assert capfd.readouterr().out == first
    assert run_in_process(monkeypatch, *FAST, folder, "opt.wd_dec=7") == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line == f"error: opt.wd_dec=7: was 1.0 before in {tmp_path}; choose another folder"
    assert (tmp_path / "result.json").read_bytes() == before


@pytest.mark.long
def test_ctrl_c_ends_a_run_in_one_line(tmp_path):
    settings = ["engine.compile=false", "phase.early_stop=false", f"hydra.run.dir={tmp_path}"]
    command = [sys.executable, "train.py", *settings]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 100
        while not (tmp_path / ".hydra").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(8)  # past the imports, into the training
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    again = f"To start again: {shlex.join(command)}"
    assert errors == f"error: interrupted before its first checkpoint. {again}\n"
    assert not (tmp_path / "result.json").exists()


def test_ctrl_c_while_it_imports_is_a_line():
    code = (
        "import runpy, sys\n"
        "class Pressed:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'hydra':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Pressed())\n"
        "runpy.run_path('train.py', run_name='__main__')\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "error: interrupted\n")


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        (["hydra.run.dir=/dev/null/x"], "hydra.run.dir=/dev/null/x"),
        (["-m", "hydra.sweep.dir=/dev/null/x", "seed.data=1,2"], "hydra.sweep.dir=/dev/null/x"),
    ],
)
def test_an_unwritable_folder(arguments, key, monkeypatch, capfd):
    assert run_in_process(monkeypatch, *arguments) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line == f"error: {key}: can't write there (Not a directory); choose another folder"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "/nowhere/mine.txt"),
            "FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/mine.txt'",
        ),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "ConnectionRefusedErr"),
        (PermissionError(errno.EACCES, "Permission denied", "/mine"), "/mine: can't write there"),
    ],
)
def test_only_what_is_a_place_s_is_said_to_be(error, line):
    assert str(explained(error, [])).startswith(line)


def test_a_reader_that_is_gone_is_no_mistake(tmp_path):
    """As head is, once it has its lines."""
    command = [sys.executable, "-u", str(ROOT / "train.py"), "new-task", "mine"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (0, "")


def test_a_mistake_is_found_before_torch_is_imported(tmp_path, run_python):
    """Half a second; importing PyTorch alone takes two."""
    script = (
        "import atexit, sys; from grok.cli.application import main\n"
        "atexit.register(lambda: print('torch' in sys.modules))\n"
        f"sys.argv = ['train.py', 'opt.lr_dec=-1', 'hydra.run.dir={tmp_path}']\n"
        "main()\n"
    )
    done = run_python("-c", script)
    assert done.returncode == 2
    assert done.stderr == "error: opt.lr_dec=-1.0: must be a number of at least 0\n"
    assert done.stdout == "False\n"


def test_debugging_shows_the_traceback(run_train):
    assert "Traceback" in run_train("opt.lr_dc=1", GROK_DEBUG="1").stderr


def test_help_and_configuration_need_no_torch(monkeypatch):
    code = "import sys; from grok.cli.application import main; sys.argv = ['train.py', {!r}{}]\n"
    for option, more, expected in (
        ("--help", "", "task: imdb, mnist, modular, qm9, teacher_student, toy_classification"),
        ("--cfg", ", 'job'", "lr_dec: 0.0001"),
        ("--info", ", 'defaults'", "task/toy_regression"),
    ):
        script = "import atexit, sys\n" + (
            "atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr))\n"
            + code.format(option, more)
            + "main()\n"
        )
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert expected in done.stdout
        assert done.stderr.strip() == "False"


def test_help_names_the_command_that_was_typed(monkeypatch, capfd):
    assert run_in_process(monkeypatch, "--help") == 0
    assert capfd.readouterr().out.startswith("python train.py is powered by Hydra.\n")


def test_a_mistake_leaves_no_folder_and_takes_none_away(monkeypatch, capfd, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    for where in ([], ["hydra.sweep.dir=mine"]):
        assert run_in_process(monkeypatch, "-m", "opt.lr_dec=1,-1", *where) == 2
    capfd.readouterr()
    assert not list(tmp_path.glob("multirun/*/*"))
    assert (tmp_path / "mine").is_dir()


def test_a_refused_run_leaves_no_folder_and_takes_none_away(monkeypatch, capfd, tmp_path):
    monkeypatch.chdir(tmp_path)
    for where in ([], ["hydra.run.dir=mine"]):
        assert run_in_process(monkeypatch, "opt.lr_dec=-1", *where) == 2
    assert "opt.lr_dec=-1.0: must be a number of at least 0" in capfd.readouterr().err
    assert not list(tmp_path.glob("outputs/*"))
    assert (tmp_path / "mine" / ".hydra").is_dir()


def test_a_mistyped_command_is_named(monkeypatch, capfd):
    assert run_in_process(monkeypatch, "statsu", "sweep") == 2
    assert "error: statsu: no such command; did you mean status?" in capfd.readouterr().err
