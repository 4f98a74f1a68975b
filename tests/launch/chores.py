"""What the tests have Slurm do; it takes no time to import."""

import os
import sys
import time
from pathlib import Path


def whereabouts(number: int) -> tuple[int, str, str]:
    """A task's argument, working folder and Python."""
    return number, os.getcwd(), sys.executable


class Stays:
    """Tells its process and how often it was put back, and doesn't end by itself."""

    def __init__(self, told: Path) -> None:
        self.told = told

    def __call__(self) -> None:
        with self.told.open("a") as file:
            file.write(f"{os.getpid()} {os.environ.get('SLURM_RESTART_COUNT', 0)}\n")
        while True:
            time.sleep(0.05)


class Returns(Stays):
    """One that is put back with an order to end, when Slurm signals that its time is up."""

    def checkpoint(self) -> object:
        import submitit

        return submitit.helpers.DelayedSubmission(whereabouts, 5)
