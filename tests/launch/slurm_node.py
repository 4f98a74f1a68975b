"""A Slurm of one node for tests, in a folder; it needs no munge, accounting, systemd or root."""

import getpass
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
AuthType=auth/none
AuthInfo=cred_expire=5
CredType=cred/none
ProctrackType=proctrack/linuxproc
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
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        patch.setenv("PATH", os.pathsep.join([os.environ["PATH"], "/usr/local/sbin", "/usr/sbin"]))
        missing = [program for program in PROGRAMS if shutil.which(program) is None]
        if missing:
            pytest.skip(f"no Slurm: {', '.join(missing)} not installed (Debian: slurm-wlm)")
        configure(folder)
        daemons = [start(name, folder) for name in ("slurmctld", "slurmd")]
        try:
            wait_until(
                lambda: output("sinfo", "--noheader", "--format=%T") == "idle" or ended(daemons)
            )
            if output("sinfo", "--noheader", "--format=%T") != "idle":
                pytest.skip(f"Slurm doesn't start: {complaints(folder)}")
            yield
            output("scancel", "--partition=all")
            wait_until(lambda: not output("squeue", "--noheader"))
        finally:
            for daemon in reversed(daemons):
                daemon.terminate()
                daemon.wait()


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


def start(name: str, folder: Path) -> subprocess.Popen[bytes]:
    """A daemon that ends with this process, however that ends."""
    with (folder / f"{name}.log").open("wb") as log:
        command = ["setpriv", "--pdeathsig=TERM", name, "-D"]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def ended(daemons: list[subprocess.Popen[bytes]]) -> bool:
    """Whether any has ended."""
    return any(daemon.poll() is not None for daemon in daemons)


def complaints(folder: Path) -> str:
    """The last thing that each daemon complains of."""
    found = [
        re.findall(r"(?:error|fatal): *(.*)", (folder / f"{name}.log").read_text())[-1:]
        for name in ("slurmctld", "slurmd")
    ]
    return "; ".join(line for lines in found for line in lines)


def wait_until(happened: Callable[[], bool]) -> None:
    """Waits for it, for LIMIT seconds at most."""
    end = time.monotonic() + LIMIT
    while not happened() and time.monotonic() < end:
        time.sleep(0.05)


def output(*command: str) -> str:
    """What a command of Slurm's prints, without the heading."""
    done = subprocess.run([*command], capture_output=True, text=True, check=False)
    return done.stdout.strip()
