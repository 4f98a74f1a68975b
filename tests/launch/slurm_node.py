"""A Slurm of one node for tests, in a folder; it needs no munge, accounting, systemd or root."""

import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "squeue", "sinfo", "scancel", "setpriv")
LIMIT = 60  # seconds for what takes one on an idle machine
# Two tasks at once; one that ignores SIGTERM is killed a second later, not 30, and one that is put
# back into the queue starts again 7 seconds later, not 121.
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
SlurmdParameters=config_overrides
AuthType=auth/none
AuthInfo=cred_expire=5
CredType=cred/none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
SchedulerParameters=batch_sched_delay=0,sched_interval=1
KillWait=1
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2
PartitionName=all Nodes=node Default=YES
"""


@contextmanager
def slurm_node(folder: Path) -> Iterator[None]:
    """Runs a Slurm in `folder`, which commands find by SLURM_CONF; a test is skipped without."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        choose(folder, patch)
        missing = [program for program in PROGRAMS if shutil.which(program) is None]
        if missing:
            pytest.skip(f"no Slurm: {', '.join(missing)} not installed (Debian: slurm-wlm)")
        configure(folder)
        daemons = [start(name, folder, stack) for name in ("slurmctld", "slurmd")]
        with suppress(TimeoutError):
            wait_until(lambda: node_is_idle() or ended(daemons))
        if ended(daemons) or not node_is_idle():
            pytest.skip(f"Slurm doesn't start: {complaint(folder)}")
        stack.callback(end_tasks, folder)
        yield


def choose(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Has commands find this Slurm, and nothing of another whose task this may be."""
    for name in [name for name in os.environ if name.startswith(("SLURM", "SBATCH", "SRUN"))]:
        patch.delenv(name)
    patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
    patch.setenv("PATH", os.pathsep.join([os.environ["PATH"], "/usr/local/sbin", "/usr/sbin"]))


def configure(folder: Path) -> None:
    """Writes the configuration, with ports that are free now."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    with socket.socket() as one, socket.socket() as other:
        one.bind(("", 0))
        other.bind(("", 0))
        ports = [one.getsockname()[1], other.getsockname()[1]]
    text = CONFIGURATION.format(
        folder=folder, ports=ports, user=getpass.getuser(), host=socket.gethostname()
    )
    (folder / "slurm.conf").write_text(text)


def start(name: str, folder: Path, stack: ExitStack) -> subprocess.Popen[bytes]:
    """A daemon that ends with `stack`, and with this process, however that ends."""
    with (folder / f"{name}.log").open("wb") as log:
        command = ["setpriv", "--pdeathsig=TERM", name, "-D"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    stack.enter_context(process)  # waits for its end
    stack.callback(process.terminate)
    return process


def ended(daemons: list[subprocess.Popen[bytes]]) -> bool:
    """Whether any has ended."""
    return any(daemon.poll() is not None for daemon in daemons)


def node_is_idle() -> bool:
    """Whether a task would start now."""
    return output("sinfo", "--noheader", "--format=%T") == "idle"


def complaint(folder: Path) -> str:
    """Why a daemon ended, or the last error of one that didn't."""
    logs = "".join((folder / f"{name}.log").read_text() for name in ("slurmctld", "slurmd"))
    found = re.findall("fatal: .*", logs) or re.findall("error: .*", logs)
    return found[-1] if found else f"no idle node after {LIMIT} s"


def end_tasks(folder: Path) -> None:
    """Ends all tasks, and whatever they have started."""
    output("scancel", "--partition=all", "--state=PENDING")
    kill_tasks(folder)
    output("scancel", "--partition=all")
    wait_until(lambda: not output("squeue", "--noheader"))


def kill_tasks(folder: Path) -> None:
    """Kills all processes with a task's environment, as a real cluster does by cgroups."""
    configuration = f"SLURM_CONF={folder / 'slurm.conf'}\0".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            environment = (process / "environ").read_bytes()
            if configuration in environment and b"\0SLURM_STEP_ID=" in environment:
                os.kill(int(process.name), signal.SIGKILL)


def wait_until(happened: Callable[[], bool]) -> None:
    """Waits for it.

    Raises:
        TimeoutError: it hasn't within LIMIT seconds.
    """
    end = time.monotonic() + LIMIT
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {LIMIT} s")
        time.sleep(0.05)


def output(*command: str) -> str:
    """What a command prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()
