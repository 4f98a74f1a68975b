"""What the tests have Slurm do; it takes no time to import."""

import os
import time
from pathlib import Path


def whereabouts(number: int) -> dict[str, str]:
    """Where a task is and what it was given."""
    return {"number": str(number), "folder": os.getcwd(), "pid": str(os.getpid())}


def stay(told: Path) -> None:
    """Tells its process, and doesn't end by itself."""
    told.write_text(str(os.getpid()))
    while True:
        time.sleep(0.05)
