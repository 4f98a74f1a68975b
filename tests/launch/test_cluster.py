"""A sweep sent to a cluster leaves what it leaves here, whatever becomes of its allocations."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from grok.launch import cluster, queue
from grok.launch.queue import WORK
from grok.launch.worker_name import described
from grok.record.names import CHECKPOINT
from tests.launch.slurm_node import output, wait_until
from tests.launch.small_sweep import SWEEP as MEMBERS
from tests.launch.small_sweep import table

pytestmark = pytest.mark.long
ROOT = Path(__file__).parent.parent.parent
SWEEP = [*MEMBERS, "opt.wd_dec=0,2", "hydra/launcher=stacked", "hydra.launcher.workers=1"]
LONG = [
    "hydra.launcher.stack_size=1",
    "phase.budget=6000",
    "callbacks.checkpoints.seconds=1",
    "phase.early_stop=false",
]


@pytest.fixture(scope="module")
def here(tmp_path_factory, run_train):
    """The sweep by the stacked launcher on this machine."""
    folder = tmp_path_factory.mktemp("here")
    done = run_train(*SWEEP, f"hydra.sweep.dir={folder}")
    assert done.returncode == 0, done.stderr
    return folder


def sent(name, folder):
    return [
        f"hydra.launcher.cluster={name}",
        "hydra.launcher.allocations=2",
        f"hydra.sweep.dir={folder}",
    ]


@pytest.mark.parametrize(
    ("name", "told"), [("local", "processes, 2 in all."), ("slurm", "Slurm job ")]
)
def test_an_array(name, told, here, run_train, tmp_path, request):
    """In Slurm, and of processes as if they were a cluster."""
    if name == "slurm":
        request.getfixturevalue("slurm")
    done = run_train(*SWEEP, *sent(name, tmp_path))
    assert done.returncode == 0, done.stderr
    assert f"sent to work on it: {told}" in done.stdout
    pd.testing.assert_frame_equal(table(tmp_path), table(here))
    assert not (tmp_path / WORK).exists()


def test_a_command_that_does_not_wait(slurm, here, run_train, tmp_path):
    """And while its array is in the queue another launch is refused."""
    held = ["hydra.launcher.wait=false", "+hydra.launcher.additional.hold=true"]
    command = [*SWEEP, *sent("slurm", tmp_path), *held]
    done = run_train(*command)
    assert done.returncode == 0, done.stderr
    number = cluster.sent_before(tmp_path)
    assert f"sent to work on it: Slurm job {number}, 2 in all" in done.stdout
    assert "To draw it" not in done.stdout
    done = run_train(*command)
    assert done.returncode == 1
    assert f"hydra.sweep.dir={tmp_path}: Slurm job {number} is at work there; wait" in done.stderr
    output("scontrol", "release", str(number))
    wait_until(lambda: cluster.sent_before(tmp_path) is None)
    pd.testing.assert_frame_equal(table(tmp_path), table(here))


def test_ctrl_c_ends_the_command_and_not_the_array(slurm, tmp_path):
    command = [sys.executable, "train.py", *SWEEP, *sent("slurm", tmp_path)]
    command += ["+hydra.launcher.additional.hold=true"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: cluster.sent_before(tmp_path) is not None)
    number = cluster.sent_before(tmp_path)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.startswith(f"error: interrupted; Slurm job {number}, 2 in all, goes on. To see")
    assert errors.endswith(f"To end it: scancel {number}\n")
    assert cluster.sent_before(tmp_path) == number
    output("scancel", str(number))


def test_a_signal_ends_the_command_and_its_processes(tmp_path):
    """Those of a cluster that is this machine, which nobody could find afterwards."""
    command = [sys.executable, "train.py", *SWEEP, *LONG, *sent("local", tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: queue.held(tmp_path))
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "To go on: " in errors
    wait_until(lambda: queue.living(tmp_path) == [])
    assert len(queue.unended(tmp_path)) == 4


def test_what_slurm_refuses(slurm, run_train, tmp_path):
    done = run_train(*SWEEP, *sent("slurm", tmp_path), "hydra.launcher.partition=nowhere")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: hydra.launcher.cluster=slurm: ")
    assert "invalid partition" in line.lower()


@pytest.mark.slow
def test_allocations_that_are_killed_and_put_back(slurm, run_train, tmp_path):
    """One is put back into the queue, the other killed, then all are cancelled; nothing is lost."""
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    done = run_train(*SWEEP, *LONG, f"hydra.sweep.dir={unbroken}")
    assert done.returncode == 0, done.stderr
    command = [sys.executable, "train.py", *SWEEP, *LONG, *sent("slurm", broken)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(checkpoints(broken)) >= 2)
    number = cluster.sent_before(broken)
    subprocess.run(["scontrol", "requeue", f"{number}_0"], check=True)
    wait_until(lambda: len(running(number)) == 1)
    wait_until(lambda: len(running(number)) == 2)
    held = {described(worker) for worker in queue.held(broken).values()}
    killed = next(each for each in held if each.endswith(f"{number}_1"))
    os.kill(int(killed.split("process ")[1].split(",")[0]), signal.SIGKILL)
    wait_until(lambda: len(running(number)) == 1)
    subprocess.run(["scancel", str(number)], check=True)
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 1, "not all can have been trained by then"
    assert f"no worker was left (their output: {broken}/.submitit); the same command" in errors
    done = run_train(*SWEEP, *LONG, *sent("slurm", broken))
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(table(broken), table(unbroken))


def checkpoints(folder):
    return list(folder.glob(f"*/{CHECKPOINT}"))


def running(number):
    tasks = ["--states=RUNNING", "--format=%i", f"--jobs={number}"]
    return output("squeue", "--noheader", *tasks).split()
