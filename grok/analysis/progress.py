"""A line on standard error for whoever waits."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Self

from grok.printable import printable

PATIENCE = 2.0


class Progress:
    """While it is entered, and once `patience` seconds have gone by, say what is under way.

    Args:
        patience: seconds of silence.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._until = time.monotonic() + patience
        self._stage = ""
        self._timer = threading.Timer(patience, self._print)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._timer.cancel()

    def __call__(self, stage: str) -> None:
        """`stage` begins."""
        self._stage = stage
        if time.monotonic() > self._until:
            self._print()

    def _print(self) -> None:
        print(f"{printable(self._stage)} ...", file=sys.stderr, flush=True)
