"""The folder that data sets are fetched into, and what fetches them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock

from grok.errors import UserError

DEFAULT = "~/.cache/grok"
"""As in ``conf/data/``."""
AGAIN = 60.0
"""Seconds after which what couldn't be fetched is tried again."""

_failed: dict[tuple[str, Path], tuple[float, str]] = {}
"""When a set couldn't be fetched, and why."""


def at_home(key: str, path: str) -> Path:
    """A path with its ``~`` filled in.

    Args:
        key: that gives it.

    Raises:
        UserError: there is no such home.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UserError(
            f"{key}={path}: there is no such home folder; write the path from / on"
        ) from None


def located_or_fetched(
    name: str,
    folder: Path,
    locate: Callable[[], Path | None],
    fetch: Callable[[], Path],
) -> Path:
    """Where a data set is below `folder`, fetched by one process if it isn't there.

    Args:
        name: of the set, as a file may be called.
        locate: finds it.
        fetch: brings it; a failure is remembered, for a sweep asks again for each job.

    Raises:
        UserError: it is neither there nor to be had, or the folder can't be read.
    """
    if where := _looked_for(folder, locate):
        return where
    check_there(folder)
    failed_at, why = _failed.get((name, folder), (0.0, ""))
    if why and time.monotonic() - failed_at < AGAIN:
        raise UserError(why)
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError, NotImplementedError):  # `fetch` tells what can't be
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(folder / f".{name}.lock"))
        try:
            return _looked_for(folder, locate) or fetch()
        except UserError as error:
            _failed[name, folder] = time.monotonic(), str(error)
            raise


def _looked_for(folder: Path, locate: Callable[[], Path | None]) -> Path | None:
    try:
        return locate()
    except OSError as error:
        raise UserError(f"data.dir={folder}: can't be read ({error.strerror})") from None


def check_there(folder: Path) -> None:
    """Make sure that nothing is fetched into a folder whose name has been mistyped.

    Raises:
        UserError: it isn't there, and not the default, which is made.
    """
    if not folder.is_dir() and folder != Path(DEFAULT).expanduser():
        raise UserError(
            f"data.dir={folder}: isn't there; make it to have data fetched into it, or set "
            "data.dir or GROK_DATA_DIR to the folder that has them"
        )


def torchvision_datasets() -> Any:
    """What fetches files; only who has none of their own needs it.

    Raises:
        UserError: it isn't installed.
    """
    try:
        from torchvision import datasets
    except ModuleNotFoundError:
        raise UserError("no torchvision here: pip install 'grokphase[fetch]'") from None
    return datasets
