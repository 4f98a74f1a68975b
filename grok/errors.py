"""Mistakes a user can mend: one line each, no traceback, a meaningful exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

RUN_FAILED = 1
BAD_CONFIG = 2


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


class InterruptedSweepError(UserError):
    """The user has ended a sweep; what has finished is kept."""

    exit_status = 130


def first_line(error: BaseException) -> str:
    """The part of a library's message that says what is wrong."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def named(error: BaseException) -> str:
    """An exception in a line: its name, unless it has been named already, and what is wrong."""
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


def report(error: BaseException, status: int) -> int:
    """Print `error` to standard error, a line for each problem, and return `status`."""
    for line in str(error).splitlines() or [type(error).__name__]:
        print(f"error: {line}", file=sys.stderr)
    return status


def run_reporting(command: Callable[[], None]) -> None:
    """Run `command`; a `UserError` becomes its lines on standard error and an exit status."""
    try:
        command()
    except UserError as error:
        if debugging():
            raise
        sys.exit(report(error, error.exit_status))
    except KeyboardInterrupt:
        sys.exit(report(KeyboardInterrupt("interrupted"), 130))
