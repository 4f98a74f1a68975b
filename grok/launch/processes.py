"""Processes that train for a launcher, and end with it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path


def is_worker() -> bool:
    """Whether this process has been started by joblib, to train for another."""
    return multiprocessing.current_process().name.startswith("LokyProcess")


def orphaned() -> bool:
    """Whether the process that started this one, to train for it, has ended."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return False
    if sys.platform == "win32":  # where children keep the number of a parent that has ended
        return not parent.is_alive()
    return os.getppid() != parent.pid  # joblib gives nothing to wait for


def runs(process: int) -> bool:
    """Whether a process of this number runs on this machine; on Windows it isn't asked."""
    if sys.platform != "win32":
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # somebody else's
            pass
    return True


def birth(process: int) -> str:
    """When a process of this machine began, in ticks since the system did; only Linux tells.

    The number of one that has ended may be another's by now.
    """
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    return ""


def end_with_input() -> None:
    """End this process when its standard input ends, which whoever has started it holds open."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def ending_with_parent() -> Iterator[None]:
    """End this process when its parent is killed."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            if orphaned():
                os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()
