"""Which worker trains which job: whoever claims it first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path


def claimed(claims: Path, jobs: Iterable[int]) -> Iterator[int]:
    """The jobs that this process is the first to claim, each claimed when it is asked for.

    Args:
        claims: a folder that all workers see; a file in it is a claim.
        jobs: numbers, the same for all workers, in the order in which they are to start.
    """
    for job in jobs:
        try:
            (claims / str(job)).touch(exist_ok=False)
        except FileExistsError:
            continue
        yield job
