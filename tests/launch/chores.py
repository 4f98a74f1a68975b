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
        tell(self.told)
        while True:
            time.sleep(0.05)


class Returns(Stays):
    """One that is put back with an order to end, when Slurm signals that its time is up."""

    def checkpoint(self) -> object:
        import submitit

        return submitit.helpers.DelayedSubmission(resumed, self.told, 5)


def tell(told: Path) -> None:
    """Add a line with this process and how often its task was put back."""
    with told.open("a") as file:
        file.write(f"{os.getpid()} {os.environ.get('SLURM_RESTART_COUNT', 0)}\n")


def resumed(told: Path, number: int) -> tuple[int, str, str]:
    """What was put back tells so, and ends once it may, so that it doesn't unseen."""
    tell(told)
    while not told.with_suffix(".go").exists():
        time.sleep(0.05)
    return whereabouts(number)
