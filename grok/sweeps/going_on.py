"""What is kept of a command that ends early, and the command that goes on where it was."""

from __future__ import annotations

import contextlib
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker
from pathlib import Path

from grok import program
from grok.checks.keys import overrides_of
from grok.checks.words import typed
from grok.errors import InterruptionError
from grok.record.names import CHECKPOINT


@contextlib.contextmanager
def deaf_children() -> Iterator[None]:
    """Let processes that are started in the block ignore Ctrl-C, which a terminal sends to all.

    They inherit what is blocked in the thread that starts them. This process hears it in another
    thread, and then ends them. On Windows, where nothing can be blocked, they hear it too.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # to start it later would unblock what is blocked here
    done = threading.Event()
    threading.Thread(target=done.wait, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        done.set()


def interrupted_run(folder: Path) -> InterruptionError:
    """Of a single run in `folder`."""
    command = command_in("hydra.run.dir", folder)
    if (folder / CHECKPOINT).exists():
        return InterruptionError(f"; its last checkpoint is kept. To go on: {command}")
    return InterruptionError(f" before its first checkpoint. To start again: {command}")


def interrupted_sweep(folder: Path) -> InterruptionError:
    """Of a sweep in `folder`."""
    command = command_in("hydra.sweep.dir", folder)
    return InterruptionError(f"; what has finished is kept. To go on: {command}")


def killed_worker(folder: Path) -> str:
    """The line about a sweep in `folder` of which joblib has lost a process."""
    return (
        "a worker was killed, as it is when memory runs out (fewer need less: "
        f"hydra.launcher.n_jobs); what has finished is kept. To go on: "
        f"{command_in('hydra.sweep.dir', folder)}"
    )


def command_in(key: str, folder: Path) -> str:
    """The command as it was given, to be pasted, with `key` as `folder`."""
    words = sys.argv[1:]
    overrides = overrides_of(words)
    options = [word for word in words if word not in overrides]
    others = [word for word in overrides if word.partition("=")[0] != key]
    where = typed(key, str(folder))
    return shlex.join([*program.words(sys.orig_argv[0]), *options, *others, where])
