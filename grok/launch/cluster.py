"""Workers on a cluster: an array of allocations, each of which works on the sweep's folder.

submitit sends them and, before an allocation's time is up or when it is preempted, puts it back
into the queue. What has become of the jobs is read from the sweep's folder alone.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grok.errors import UserError
from grok.launch import queue
from grok.launch.agenda import Agenda
from grok.launch.local import work_here
from grok.launch.settings import Stacked, checked
from grok.record.files import atomic_path
from grok.sweeps.pace import WORK
from grok.sweeps.planned import planned

if TYPE_CHECKING:
    import submitit

LOGS = ".submitit"
"""In the sweep's folder: what submitit keeps of an allocation, its output among it."""
NUMBER = "slurm"
"""In the queue's folder: the number of the array."""
LOOK = 5.0
"""Seconds between questions to the cluster."""
TIMEOUTS = 10**6
"""How often an allocation may go back into the queue."""
ANYWHERE = ("timeout_min", "cpus_per_task", "gpus_per_node", "mem_gb")
ON_SLURM = ("partition", "account", "qos", "constraint", "array_parallelism", "setup")


@dataclass
class Allocation:
    """What an allocation runs, called and perhaps called again by submitit.

    Attributes:
        folder: of the sweep.
    """

    folder: Path

    def __call__(self) -> None:
        """Work on the sweep with the cores and GPUs of the allocation."""
        if cores := os.environ.get("SLURM_CPUS_PER_TASK") or os.environ.get("SLURM_CPUS_ON_NODE"):
            os.environ["LOKY_MAX_CPU_COUNT"] = cores  # by which joblib counts
        if not queue.laid_out(self.folder):  # all had ended while it waited
            return
        sweep = planned(self.folder)
        work_here(sweep, checked(sweep.master.hydra.launcher).spread)

    def checkpoint(self) -> submitit.helpers.DelayedSubmission:
        """The same again; members go on from their own checkpoints."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@dataclass
class Array:
    """Allocations that were sent together.

    Attributes:
        jobs: as submitit has them.
        number: of the array in Slurm; None of processes on this machine.
    """

    jobs: list[submitit.Job[None]]
    number: int | None

    def __str__(self) -> str:
        named = f"Slurm job {self.number}" if self.number else "processes"
        return f"{named}, {len(self.jobs)} in all"

    def ended(self) -> bool:
        """Whether none of its allocations runs or waits; where Slurm doesn't answer, some may."""
        if self.number is None:
            return all(job.done() for job in self.jobs)
        return not in_slurms_queue(self.number)


def send(folder: Path, settings: Stacked) -> Array:
    """Send allocations that work on the sweep of `folder`, where a queue is laid out.

    Raises:
        UserError: submitit isn't installed, or the cluster refuses.
    """
    work = [Allocation(folder)] * settings.allocations
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # where submitit says it as well
            jobs = _executor(folder, settings).submit_array(work)
    except UserError:
        raise
    except Exception as error:  # whatever submitit makes of what sbatch says
        reason = " ".join(str(error).split())
        raise UserError(f"hydra.launcher.cluster={settings.cluster}: {reason}") from error
    if settings.cluster != "slurm":
        return Array(jobs, None)
    number = int(jobs[0].job_id.partition("_")[0])
    with atomic_path(folder / WORK / NUMBER) as temporary:
        temporary.write_text(str(number))
    return Array(jobs, number)


def sent_before(folder: Path) -> int | None:
    """The number in Slurm of the array that was sent to work on a sweep and hasn't ended."""
    with contextlib.suppress(FileNotFoundError):
        number = int((folder / WORK / NUMBER).read_text())
        return number if in_slurms_queue(number) else None
    return None


def wait(array: Array, agenda: Agenda) -> None:
    """Until no allocation is left; those that wait when no job is left are taken back."""
    while not array.ended():
        if array.number and not agenda.left():
            pending = ["scancel", "--state=PENDING", str(array.number)]
            subprocess.run(pending, capture_output=True, check=False)
        time.sleep(LOOK)


def in_slurms_queue(number: int) -> bool:
    """Whether Slurm has an array in its queue, running or waiting, or doesn't answer."""
    command = ["squeue", "--noheader", "--format=%T", f"--jobs={number}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return True
    # after some minutes Slurm knows nothing of a job that has ended
    return bool(done.stdout.strip()) or (done.returncode != 0 and "Invalid job" not in done.stderr)


def _executor(folder: Path, settings: Stacked) -> submitit.AutoExecutor:
    try:
        import submitit
    except ImportError:
        raise UserError(
            f"hydra.launcher.cluster={settings.cluster}: needs submitit; pip install submitit"
        ) from None
    executor = submitit.AutoExecutor(
        folder / LOGS, cluster=settings.cluster, slurm_max_num_timeout=TIMEOUTS
    )
    options = {key: getattr(settings, key) for key in ANYWHERE}
    options |= {f"slurm_{key}": getattr(settings, key) for key in ON_SLURM}
    options["slurm_additional_parameters"] = settings.additional
    if settings.cpus_per_task:  # which srun doesn't take over of itself any more
        options["slurm_srun_args"] = [f"--cpus-per-task={settings.cpus_per_task}"]
    executor.update_parameters(name="grok", **options)
    return executor
