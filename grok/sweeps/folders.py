"""Folders of runs and sweeps: a new one by default, and each of one process at a time."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from filelock import FileLock, Timeout
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from grok.checks.wording import expected
from grok.checks.words import given, typed
from grok.errors import ConfigError, UserError, run_reporting
from grok.record.names import LOCK, PLAN

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)
"""Of a file system that knows no locks."""
OF_HYDRA = {".hydra", LOCK}
"""What there is in a run's folder before it trains."""
_held = contextlib.ExitStack()
"""The lock of this process's run."""


class OwnFolder(Callback):
    """Gives a single run a folder of its own before Hydra writes to it (``hydra.callbacks``).

    Attributes:
        latest: the folder of this process's newest run.
    """

    latest: ClassVar[Path | None] = None
    _is_new: ClassVar[bool] = False

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Own ``hydra.run.dir`` until the process ends, or runs something else."""

        def own() -> None:
            _held.close()
            OwnFolder._is_new = not was_given(config, "run")
            OwnFolder.latest = settled(config, "run")
            if os.path.exists(OwnFolder.latest / PLAN):  # which says no where nothing can be seen
                raise ConfigError(
                    f"hydra.run.dir={OwnFolder.latest}: holds a sweep; add -m and write "
                    "hydra.sweep.dir=... to go on with it, or choose another folder"
                )
            _held.enter_context(owned(OwnFolder.latest, "hydra.run.dir"))

        run_reporting(own)  # Hydra would make a warning of an exception

    @classmethod
    def leave(cls) -> None:
        """Remove the folder of a run that was refused, with what Hydra has written there.

        One that was there before, or holds anything else, stays.
        """
        folder = cls.latest
        if folder is None or not cls._is_new or {p.name for p in folder.iterdir()} - OF_HYDRA:
            return
        _held.close()
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # that of the day, where this was its only run
            folder.parent.rmdir()


def was_given(config: DictConfig, mode: str) -> bool:
    """Whether the command names the folder of its run or sweep, which may be there already."""
    keys = (word.lstrip("+").partition("=")[0] for word in _words(config))
    return any(key in (f"hydra.{mode}.dir", f"hydra.{mode}") for key in keys)


def _words(config: DictConfig) -> list[str]:
    """The command's words for Hydra, in which nothing is looked up."""
    words: Any = OmegaConf.to_container(config.hydra.overrides.hydra, resolve=False)
    return list(words)


def settled(config: DictConfig, mode: str) -> Path:
    """The folder of a run or a sweep; where none was given, a new one of the default's name.

    Args:
        config: with ``hydra``; from now on it names this folder.
        mode: ``run`` or ``sweep``.
    """
    key = f"hydra.{mode}.dir"
    found = _named(config, key)
    folder = found.expanduser()
    if not was_given(config, mode):
        folder = new(folder, key)
    elif folder == found:
        return folder
    with read_write(config.hydra), open_dict(config.hydra):
        OmegaConf.update(config, key, str(folder))
        config.hydra.overrides.hydra.append(typed(key, str(folder)))
    return folder


def _named(config: DictConfig, key: str) -> Path:
    """The folder that `key` names.

    Raises:
        ConfigError: it names none, or one in a home that isn't there.
    """
    try:
        folder = Path(str(OmegaConf.select(config, key)))
        folder.expanduser()
    except OmegaConfBaseException as error:
        raise ConfigError(f"{given(key, _words(config))}: {expected(error)}") from None
    except RuntimeError:
        raise ConfigError(
            f"{key}={folder}: there is no such home folder; write the path from / on"
        ) from None
    return folder


def new(folder: Path, key: str) -> Path:
    """`folder`, made by nobody else, or with -1, -2, ... behind a name that is taken."""
    for number in itertools.count():
        mine = folder.with_name(f"{folder.name}-{number}") if number else folder
        with contextlib.suppress(FileExistsError), _written(mine, key):
            mine.mkdir(parents=True)
            return mine
    raise AssertionError


@contextlib.contextmanager
def owned(folder: Path, key: str) -> Iterator[None]:
    """Own a folder, made if need be, for as long as the block runs.

    Args:
        key: that names it in the configuration.

    Raises:
        UserError: another process is at work in it, it can't be written, or locks can't be had.
    """
    with contextlib.ExitStack() as stack:
        with _written(folder, key):
            folder.mkdir(parents=True, exist_ok=True)
            _lock(folder, key, stack)
        yield


def _lock(folder: Path, key: str, stack: contextlib.ExitStack) -> None:
    """Lock a folder until `stack` is closed; that its lock can't be written is the caller's."""
    try:
        stack.enter_context(FileLock(folder / LOCK, timeout=0))
    except Timeout:
        raise UserError(
            f"{key}={folder}: another process is at work there; wait for it, or choose another "
            "folder"
        ) from None
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in NO_LOCKS:
            raise
        reason = getattr(error, "strerror", error)
        raise UserError(
            f"{key}={folder}: can't be locked ({reason}); choose a folder on another file system"
        ) from None


@contextlib.contextmanager
def _written(folder: Path, key: str) -> Iterator[None]:
    """What can't be written there is told in a line; that it exists already is the caller's."""
    try:
        yield
    except FileExistsError:
        if folder.is_dir():
            raise
        raise UserError(f"{key}={folder}: is a file; choose another folder") from None
    except OSError as error:
        raise UserError(
            f"{key}={folder}: can't write there ({error.strerror}); choose another folder"
        ) from None
