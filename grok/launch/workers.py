"""Processes that train for a launcher, and end with it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator


def is_worker() -> bool:
    """Whether this process has been started by joblib, to train for another."""
    return multiprocessing.current_process().name.startswith("LokyProcess")


@contextlib.contextmanager
def ending_with_parent(wanted: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """End this process when its parent is killed, or it isn't `wanted` any more."""
    parent, done = os.getppid(), threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            if os.getppid() != parent or not wanted():
                os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()
