"""Hydra's and OmegaConf's errors in one line: the key, the value and the fix."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from grok.errors import ConfigError, UserError, first_line
from grok.wording import expected, nearest


def explained(
    error: Exception, arguments: Sequence[str], conf: Path, keys: Callable[[], Sequence[str]]
) -> UserError:
    """A `UserError` that says what to mend.

    Args:
        error: from Hydra, OmegaConf or the file system.
        arguments: the words of the command line.
        conf: the folder of the configuration, for the options of its groups.
        keys: gives the full names of all keys, for the nearest one.
    """
    message = str(error)
    cause = error.__cause__ or error
    if isinstance(error, MissingConfigException):
        return _no_option(message, conf)
    if isinstance(error, OSError):
        return _unwritable(error, arguments)
    if match := re.search(r"raised while resolving interpolation: (.+)", message):
        return ConfigError(match[1])
    if isinstance(error, OverrideParseException):
        return ConfigError(f"{error.override}: not an override ({first_line(error)}); see --help")
    if match := re.match(r"Could not override '(.+?)'", message):
        return _no_key(match[1], arguments, keys())
    if match := re.match(r"Ambiguous value for argument '(.+?)'", message):
        return ConfigError(f"{match[1]}: several values make a sweep; add -m, or write [a,b]")
    if isinstance(cause, ConfigAttributeError | ConfigKeyError):
        return _no_key(str(cause.full_key), arguments, keys())
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        return ConfigError(f"{_given(str(cause.full_key), arguments)}: {expected(cause)}")
    if isinstance(error, HydraException | OmegaConfBaseException | ValueError | AssertionError):
        return ConfigError(first_line(error))
    return UserError(f"{type(error).__name__}: {first_line(error)}; GROK_DEBUG=1 shows where")


def _no_option(message: str, conf: Path) -> UserError:
    match = re.search(r"Could not (?:find|load) '((?:hydra/)?[^/']+)/([^']+)'", message)
    if match is None:
        return ConfigError(first_line(Exception(message)))
    group, option = match.groups()
    known = re.findall(r"^\t(\S+)$", message, re.MULTILINE)
    folder = conf / group
    known = known or sorted(
        str(f.relative_to(folder).with_suffix("")) for f in folder.rglob("*.yaml")
    )
    return ConfigError(f"{group}={option}: no such option; choose from {', '.join(known)}")


def _no_key(key: str, arguments: Sequence[str], keys: Sequence[str]) -> UserError:
    hint = nearest(key, keys) or "; python train.py --cfg job lists them"
    return ConfigError(f"{_given(key, arguments)}: no such key{hint}")


def _unwritable(error: OSError, arguments: Sequence[str]) -> UserError:
    where = f"{error.filename}: " if error.filename else ""
    for key in ("hydra.sweep.dir", "hydra.run.dir"):
        folder = _given(key, arguments).partition("=")[2]
        if folder and str(error.filename).startswith(folder):
            where = f"{key}={error.filename}: "
    return UserError(f"{where}can't write there ({error.strerror}); choose another folder")


def _given(key: str, arguments: Sequence[str]) -> str:
    """The word of the command line that sets `key`, or `key` itself."""
    words = [word for word in arguments if word.lstrip("+~").partition("=")[0] == key]
    return words[-1] if words else key
