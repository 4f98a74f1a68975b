"""Mistakes in the files of a user's own options, and places to look for them that aren't there."""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from omegaconf import OmegaConf
from omegaconf.errors import GrammarParseError, OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from grok.checks.keys import SEARCHPATH, no_such_key, overrides_of, searchpath
from grok.errors import ConfigError, first_line

UNREADABLE = (YAMLError, UnicodeDecodeError, GrammarParseError)
"""What comes of a file that is no YAML, or has an interpolation that is none."""


def check_searchpath(arguments: Sequence[str]) -> None:
    """Refuse places where no options can be looked for; Hydra would warn, or miss the options.

    Raises:
        ConfigError: one isn't there, or they are no list.
    """
    for word in overrides_of(arguments):
        key, _, value = word.partition("=")
        if key == SEARCHPATH and not value.startswith("["):
            raise ConfigError(f"{word}: must be a list; write {key}=[{value}]")
    for place in searchpath(arguments):
        scheme, _, path = place.rpartition("://")
        if scheme == "pkg" and not _is_package(path):
            raise ConfigError(
                f"{SEARCHPATH}={place}: no such package; install it, or begin Python in the "
                "folder that it lies in"
            )
        if scheme in ("", "file") and not Path(path).is_dir():
            raise ConfigError(f"{place}: no such folder; name one that has task/, opt/, ... in it")


def _is_package(path: str) -> bool:
    try:
        return importlib.resources.files(path.replace("/", ".")).is_dir()
    except (ImportError, TypeError, ValueError):
        return False


def about_a_file(error: Exception, arguments: Sequence[str]) -> str | None:
    """The line about the file that `error` comes of; None where it comes of none.

    Args:
        error: from Hydra.
        arguments: the words of the command line.
    """
    cause = error.__cause__ or error.__context__ or error
    for unread in (error, cause):
        if isinstance(unread, UNREADABLE):
            return next(_unreadable(unread, arguments), None)
    match = re.match(r"In '(.+?)': (.+)", str(error))
    if match is None:
        return None
    file = f"{match[1]}.yaml"
    if group := re.match(r"Could not override '(.+)@.+'", match[2]):
        return (
            f"{file}: overrides {group[1]}, which isn't below it; begin the file with "
            f"# @package _global_ and write override /{group[1]}"
        )
    if isinstance(cause, OmegaConfBaseException):
        return f"{file}: {_key_or_first_line(cause)}"
    return f"{file}: {match[2]}"


def _key_or_first_line(cause: OmegaConfBaseException) -> str:
    if cause.full_key and "not in" in str(cause):
        return no_such_key(str(cause.full_key), [])
    return f"{cause.full_key}: {first_line(cause)}" if cause.full_key else first_line(cause)


def _unreadable(cause: BaseException, arguments: Sequence[str]) -> Iterator[str]:
    """A line for each file of the user's options that can't be read because of `cause`."""
    for place in searchpath(arguments):
        scheme, _, path = place.rpartition("://")
        folder = importlib.resources.files(path) if scheme == "pkg" else Path(path)
        for file in sorted(Path(str(folder)).rglob("*.yaml")):
            try:
                OmegaConf.load(file)
            except UNREADABLE as error:
                if _reason(error) == _reason(cause):
                    yield f"{file}{_reason(error)}"


def _reason(error: BaseException) -> str:
    if isinstance(error, MarkedYAMLError) and error.problem_mark:
        return f", line {error.problem_mark.line + 1}: {error.problem}"
    return f": {first_line(error)}"
