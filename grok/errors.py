"""Mistakes a user can mend: one line each, no traceback, a meaningful exit status."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from grok.printable import printable

_Part = TypeVar("_Part")

RUN_FAILED = 1
BAD_CONFIG = 2
FULL = (errno.ENOSPC, errno.EDQUOT)
"""Of a disk, or a user's share of it, that has no room."""


class UserError(Exception):
    """A mistake outside the code: a bad path, a damaged file, a folder in use.

    Args:
        message: one line that names the thing, its value and the fix.
    """

    exit_status = RUN_FAILED


class DamagedFileError(UserError):
    """A file that isn't what was written.

    Args:
        problem: the file, and what is wrong with it.
        fix: what to do about it.
    """

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem, fix)
        self.problem = problem

    def __str__(self) -> str:
        return "; ".join(self.args)


class UnwritableError(UserError):
    """A file can't be written, so others there can't either."""


class ConfigError(UserError):
    """A configuration that can't be trained.

    Args:
        problems: one line each, naming the key, the value and the fix.
    """

    exit_status = BAD_CONFIG

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))


class FailedJobError(Exception):
    """What is left of another process's exception: its name and message."""


class UsageError(UserError):
    """Words of a command line that make no command."""

    exit_status = BAD_CONFIG


class InterruptionError(UserError):
    """A signal, such as Ctrl-C's, has ended the command.

    Args:
        message: goes on after what happened, with what is kept and how to go on.
    """

    def __init__(self, message: str = "") -> None:
        number = _received[-1] if _received else signal.SIGINT
        what = f"ended by {number.name}" if _received else "interrupted"
        super().__init__(f"{what}{message}")
        self.exit_status = 128 + number


ENDING = [signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Signals that end a command; Windows has no SIGHUP."""
_received: list[signal.Signals] = []
"""Signals that have ended this process as Ctrl-C would."""


def first_line(error: BaseException) -> str:
    """The part of a library's message that says what is wrong."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def cause(error: BaseException) -> str:
    """What an exception was raised from, or it itself, in a line."""
    return " ".join(str(error.__cause__ or error).split())


def unwritable(
    error: OSError, path: object = None, besides: str = "and give the same command again"
) -> str:
    """A file that can't be written, and what to do about it, in a line.

    Args:
        path: the file, where it isn't the one that `error` names.
        besides: what to do then, or instead.
    """
    fix = "make room" if error.errno in FULL else "make its folder a writable one"
    reason = error.strerror or error
    return f"{path or error.filename}: can't be written ({reason}); {fix}, {besides}"


def named(error: BaseException) -> str:
    """An exception in a line: its name, unless it has been named already, and what is wrong."""
    if isinstance(error, OSError) and error.errno in (*FULL, errno.EROFS) and error.filename:
        return unwritable(error)
    line = first_line(error)
    return line if isinstance(error, FailedJobError) else f"{type(error).__name__}: {line}"


def interrupted(error: BaseException | None) -> bool:
    """Whether `error` comes of Ctrl-C, whatever a library has made of it."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def debugging() -> bool:
    """Whether ``GROK_DEBUG=1`` asks for full tracebacks."""
    return os.environ.get("GROK_DEBUG", "") not in ("", "0")


def attempt(
    part: str,
    make: Callable[..., _Part],
    *arguments: Any,
    fatal: type[Exception] = UnwritableError,
) -> _Part | None:
    """What `make` gives; None, and a line on standard error that names `part`, if it fails.

    Args:
        fatal: what is raised all the same.
    """
    try:
        return make(*arguments)
    except Exception as error:
        if isinstance(error, fatal):
            raise
        if debugging():
            traceback.print_exc()
        cause = first_line(error) if isinstance(error, UserError) else named(error)
        print(f"warning: {part}: left out ({printable(cause)})", file=sys.stderr)
        return None


def report(error: BaseException, status: int) -> int:
    """Print `error` to standard error, a line for each problem, and return `status`."""
    with contextlib.suppress(OSError):  # where the terminal has gone
        for line in str(error).splitlines() or [type(error).__name__]:
            print(f"error: {printable(line)}", file=sys.stderr)
    return status


def run_reporting(command: Callable[[], None]) -> None:
    """Run `command`; a `UserError` becomes its lines on standard error and an exit status.

    So does Ctrl-C, and the signals in `ENDING` are as good as that. A reader of standard output
    that has gone, as ``| head`` goes, is no mistake.
    """
    for number in ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:  # not under nohup
            signal.signal(number, _interrupt)
    try:
        command()
        _flush()
    except UserError as error:
        if debugging():
            raise
        sys.exit(report(error, error.exit_status))
    except BrokenPipeError:
        pass
    except (KeyboardInterrupt, Exception) as error:
        if interrupted(error):
            ended = InterruptionError()
            sys.exit(report(ended, ended.exit_status))
        if not isinstance(error, OSError) or debugging():
            raise
        # of standard output: those of files have become a `UserError`
        problem = f"standard output: can't be written ({error.strerror}); send it elsewhere"
        sys.exit(report(UserError(problem), RUN_FAILED))
    finally:
        try:
            _flush()
        except OSError:  # Python would try again when it ends, and say so
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _flush() -> None:
    if sys.stdout is not None:  # as it is where it was closed
        sys.stdout.flush()


def _interrupt(number: int, frame: Any) -> None:
    _received.append(signal.Signals(number))
    raise KeyboardInterrupt
