"""How fast a sweep's workers are: each says it in a small file, for whoever watches."""

from __future__ import annotations

import collections
import contextlib
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

from grok.record.files import atomic_path

WORK, PACE = ".work", ".pace"
EVERY = 1.0  # seconds between two times that a worker says it
STEADY, WINDOW = 5.0, 60.0  # seconds over which a pace is taken, at least and at most


class Pace:
    """What a worker says: how many steps its members have taken, and whether it compiles.

    Args:
        sweep: folder of the sweep.
        worker: its name.
    """

    def __init__(self, sweep: Path, worker: str) -> None:
        self._path = sweep / WORK / f"{worker}{PACE}"
        self._steps, self._said = 0, -math.inf

    def compiling(self) -> None:
        """Say that a step is being compiled, until steps are taken."""
        self._say(True)
        self._said = -math.inf

    def taken(self, steps: int) -> None:
        """Say that members have taken so many more steps, together."""
        self._steps += steps
        if time.monotonic() > self._said + EVERY:
            self._say(False)

    def _say(self, compiling: bool) -> None:
        with contextlib.suppress(OSError), atomic_path(self._path) as temporary:
            temporary.write_text(json.dumps([self._steps, compiling]))
        self._said = time.monotonic()

    def forget(self) -> None:
        """Take back what has been said."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


@contextlib.contextmanager
def telling(sweep: Path, worker: str) -> Iterator[Pace]:
    """A worker's pace, forgotten at its end."""
    pace = Pace(sweep, worker)
    try:
        yield pace
    finally:
        pace.forget()


class Meter:
    """Reads what the workers of a sweep say.

    Args:
        sweep: folder of the sweep.

    Attributes:
        known: whether any worker has said something.
        compiling: whether all that are at work compile.
        rate: steps of members a second, lately; None before it is steady.
        total: steps seen so far.
    """

    def __init__(self, sweep: Path) -> None:
        self._work = sweep / WORK
        self._before: dict[str, int] = {}
        self._lately: collections.deque[tuple[float, int]] = collections.deque()
        self.known = self.compiling = self._unsteady = False
        self.rate: float | None = None
        self.total = 0
        self.look()

    def look(self) -> None:
        """See what has been said since the last look."""
        said: dict[str, tuple[int, bool]] = {}
        for path in self._work.glob(f"*{PACE}"):
            with contextlib.suppress(OSError, ValueError):
                said[path.name] = json.loads(path.read_text())
        for name, (steps, _) in said.items():
            self.total += max(0, steps - self._before.get(name, steps if not self.known else 0))
            self._before[name] = steps
        self.known = self.known or bool(said)
        compiling = [compiling for _, compiling in said.values()]
        self.compiling = bool(said) and all(compiling)
        if self._unsteady:  # compiled since the last look
            self._lately.clear()
        self._unsteady = not said or any(compiling)
        now = time.monotonic()
        self._lately.append((now, self.total))
        while now - self._lately[0][0] > WINDOW:
            self._lately.popleft()
        began, total = self._lately[0]
        steady = not self._unsteady and now - began >= STEADY and self.total > total
        self.rate = (self.total - total) / (now - began) if steady else None
