"""The name of a worker, which says where and since when it runs."""

from __future__ import annotations

import os
import secrets
import socket

from grok.launch.processes import birth, runs


def new_name() -> str:
    """For a worker that begins in this process: machine, process, Slurm job, and when it began."""
    slurm = os.environ.get("SLURM_JOB_ID", "")
    if array := os.environ.get("SLURM_ARRAY_JOB_ID"):
        slurm = f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    process = os.getpid()
    began = f"{birth(process)}.{secrets.token_hex(4)}"
    return f"{socket.gethostname()}+{process}+{slurm}+{began}"


def described(worker: str) -> str:
    """A worker's name for people."""
    host, process, slurm, _ = worker.split("+")
    return f"{host}, process {process}" + (f", Slurm job {slurm}" if slurm else "")


def runs_here(worker: str) -> bool:
    """Whether its process is one of this machine that runs, and not another of its number."""
    host, number, _, began = worker.split("+")
    process, born = int(number), began.rpartition(".")[0]
    return host == socket.gethostname() and runs(process) and born in ("", birth(process))
