"""Disks that are full, or can't be written: real ones, made for the test."""

import shutil
import subprocess

import pytest

from grok.analysis import load
from grok.launch.queue import UNTOLD
from grok.record.names import CHECKPOINT, ERROR, RESULT

pytestmark = pytest.mark.slow
RUN = [
    "engine.compile=false",
    "engine.steps_per_call=50",
    "phase.budget=300",
    "task.width=20",
    "callbacks.checkpoints.seconds=0",
    "weights=final",
]
SWEEP = ["-m", *RUN, "opt.lr_dec=1e-4,3e-4,1e-3", "opt.wd_dec=0,2"]
LAUNCHERS = {
    "basic": [],
    "joblib": ["hydra.launcher.n_jobs=2"],
    "stacked": ["hydra.launcher.workers=1", "hydra.launcher.stack_size=2"],
}
ROOM = "can't be written (No space left on device); make room, and give the same command again"


@pytest.fixture
def disk(tmp_path):
    """A file system of its own, to be mounted anew with another size, or read-only."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("there is no mount here")
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def remount(disk, option):
    subprocess.run(["mount", "-o", f"remount,{option}", disk], check=True)


def outcome(folder):
    """What must be the same, whatever happened on the way."""
    return load(folder).drop(columns=["wall_seconds", "folder"])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, run_train):
    folder = tmp_path_factory.mktemp("undisturbed")
    done = run_train(*SWEEP, f"hydra.sweep.dir={folder}")
    assert done.returncode == 0, done.stderr
    return folder


def errors(done):
    return [line for line in done.stderr.splitlines() if line.startswith("error: ")]


@pytest.mark.parametrize("room", [4, 12, 16, 20])
def test_a_run(room, disk, undisturbed, run_train):
    """With room in KB for a part of Hydra's files, for these, the curves, or the weights."""
    command = [*RUN, "opt.lr_dec=1e-4", "opt.wd_dec=0", f"hydra.run.dir={disk}/run"]
    remount(disk, f"size={room}k")
    done = run_train(*command)
    assert done.returncode == 1
    (line,) = errors(done)
    assert line.startswith(f"error: {disk}/run")
    assert line.endswith(f": {ROOM}")
    assert "Traceback" not in done.stderr
    assert not (disk / "run" / RESULT).exists()
    remount(disk, "size=10m")
    done = run_train(*command)
    assert (done.returncode, done.stderr) == (0, "")
    found, expected = outcome(disk / "run"), outcome(undisturbed / "0")
    assert found.equals(expected)
    assert not [*(disk / "run").glob(".*.tmp")]


def test_a_checkpoint_without_room_is_a_warning(disk, undisturbed, run_train):
    command = [*RUN, "weights=none", "opt.lr_dec=1e-4", "opt.wd_dec=0"]
    remount(disk, "size=28k")
    done = run_train(*command, f"hydra.run.dir={disk}/run")
    assert done.returncode == 0
    line, _, last = done.stdout.splitlines()
    assert last.startswith("To draw it: ")
    assert line == (
        f"{disk}/run/{CHECKPOINT}: can't be written (No space left on device); training goes on "
        "without checkpoints until there is room or leave to"
    )
    assert outcome(disk / "run").equals(outcome(undisturbed / "0"))


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_sweep(launcher, disk, undisturbed, run_train):
    """What has finished stays, and the same command does the rest."""
    options = [f"hydra/launcher={launcher}", *LAUNCHERS[launcher]]
    command = [*SWEEP, f"hydra.sweep.dir={disk}/sweep", *options]
    remount(disk, "size=60k")
    done = run_train(*command)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    *lines, last = errors(done)
    assert all(line.endswith((ROOM, UNTOLD)) for line in lines)
    assert last.endswith(ROOM) or last.endswith("of 6 jobs failed")
    before = {path: path.read_bytes() for path in (disk / "sweep").glob(f"*/{RESULT}")}
    remount(disk, "size=10m")
    done = run_train(*command)
    assert done.returncode == 0, done.stderr
    assert {path: path.read_bytes() for path in before} == before
    found, expected = outcome(disk / "sweep"), outcome(undisturbed)
    exact = ["job", "phase", "t_train", "t_val", "steps", "stop_reason"]
    assert found[exact].equals(expected[exact])
    assert not [*(disk / "sweep").glob("*/.*.tmp"), *(disk / "sweep").glob(f"*/{ERROR}")]


@pytest.mark.parametrize("room", [0, 8, 200])
def test_analysis(room, disk, undisturbed, run_python):
    """Without room for anything, for the first table, or for all pictures."""
    shutil.copytree(undisturbed, disk / "sweep")
    used = int(subprocess.check_output(["du", "-sk", disk], text=True).split()[0])
    remount(disk, f"size={used + room}k")
    done = run_python("analyze.py", disk / "sweep")
    assert done.returncode == 1
    (line,) = errors(done)
    assert line.startswith(f"error: {disk}/sweep/analysis/")
    assert line.endswith(
        ": can't be written (No space left on device); make room, or pass --out FOLDER"
    )
    assert not [*disk.glob("sweep/analysis/.*.tmp")]
    remount(disk, "size=30m")
    done = run_python("analyze.py", disk / "sweep")
    assert (done.returncode, errors(done)) == (0, [])
    assert (disk / "sweep" / "analysis" / "report.html").stat().st_size > 100_000


def test_a_disk_that_cannot_be_written(disk, undisturbed, run_train, run_python, tmp_path):
    shutil.copytree(undisturbed, disk / "sweep")
    remount(disk, "ro")
    for words in ([*RUN, f"hydra.run.dir={disk}/run"], [*SWEEP, f"hydra.sweep.dir={disk}/sweep"]):
        done = run_train(*words)
        assert (done.returncode, done.stderr) == (
            1,
            f"error: {words[-1]}: can't write there (Read-only file system); choose another "
            "folder\n",
        )
    done = run_python("analyze.py", disk / "sweep")
    assert done.returncode == 1
    (line,) = errors(done)
    assert line.startswith(f"error: {disk}/sweep/analysis")
    assert line.endswith(
        ": can't be written (Read-only file system); make its folder a writable one, or pass --out "
        "FOLDER"
    )
    done = run_python("analyze.py", disk / "sweep", "--out", tmp_path / "out")
    assert (done.returncode, errors(done)) == (0, [])
    assert (tmp_path / "out" / "report.html").exists()
