"""Hydra's and OmegaConf's errors in one line: the key, the value and the fix."""

from __future__ import annotations

import errno
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from grok import program
from grok.checks.keys import (
    culprit,
    group_of_keys,
    no_such_key,
    options,
    overrides_of,
    repository,
    words_for_no_option,
)
from grok.checks.option_files import about_a_file
from grok.checks.wording import expected, nearest
from grok.checks.words import FOLDERS, given, typed, unreadable
from grok.errors import FULL, ConfigError, UserError, first_line, unwritable

SEVERAL = (
    r"Ambiguous value for argument '(.+)'\n",
    r"Sweep parameters '(.+)' requires",
    r"Sweeping over Hydra's configuration is not supported : '(.+)'",
)
"""What Hydra says of a word with several values where there may be one only."""
CLOSED = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO),
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP),
)
"""Of a place where nothing can be written."""


def explained(error: Exception, arguments: Sequence[str]) -> UserError:
    """A `UserError` that says what to mend.

    Args:
        error: from Hydra, OmegaConf or the file system.
        arguments: the words of the command line.
    """
    if isinstance(error, MissingConfigException):
        return _no_option(str(error), arguments)
    if isinstance(error, OSError) and error.errno in (*FULL, *CLOSED):
        return _unwritable(error, arguments)
    line = (
        about_a_file(error, arguments)
        or _about_a_word(error, arguments)
        or _about_a_key(error, arguments)
    )
    if line:
        return ConfigError(line)
    if isinstance(error, HydraException | OmegaConfBaseException | ValueError | AssertionError):
        return ConfigError(_about_the_rest(error, arguments))
    return UserError(f"{type(error).__name__}: {first_line(error)}; GROK_DEBUG=1 shows where")


def _about_a_word(error: Exception, arguments: Sequence[str]) -> str | None:
    """The line about a word that Hydra can't take, whatever the keys are."""
    message = str(error)
    if isinstance(error, OverrideParseException):
        return unreadable(str(error.override), overrides_of(arguments), message)
    for pattern in SEVERAL:
        if match := re.match(pattern, message):
            return _several(match[1])
    if match := re.match(r"Could not append to config\. An item is already at '(.+?)'", message):
        word = given(match[1], arguments)
        return f"{word}: there is such a key already; write {word.lstrip('+')}"
    if match := re.match(r"Could not delete '(.+?)'\. No match in the defaults", message):
        return f"{given(match[1], arguments)}: none is chosen; leave it out"
    if re.match("Config group override deletion|Could not delete from config. The value", message):
        words = [word for word in arguments if word.startswith("~") and "=" in word]
        return f"{words[0]}: ~ takes a name only; write {words[0].partition('=')[0]}"
    if message.startswith("Config group override must be"):
        for word in words_for_no_option(arguments):
            keyless = word.startswith("=")
            found = repository(arguments)
            return unreadable(word, arguments, "") if keyless else group_of_keys(word, found)
    return None


def _about_a_key(error: Exception, arguments: Sequence[str]) -> str | None:
    """The line about a key that isn't there, or that can't have its value."""
    cause = error.__cause__ or error
    if match := re.match(r"Could not (?:override|delete from config\.) '(.+?)'", str(error)):
        inner = str(getattr(error.__cause__, "full_key", None) or match[1])
        if inner.startswith(f"{match[1]}.") and given(match[1], arguments) != match[1]:
            return f"{given(match[1], arguments)}: {no_such_key(inner, arguments)}"
        return no_such_key(match[1], arguments)
    if match := re.search(r"raised while resolving interpolation: (\S+=.+)", str(error)):
        return match[1]
    if not isinstance(cause, OmegaConfBaseException) or not cause.full_key:
        return None
    if isinstance(cause, ConfigAttributeError | ConfigKeyError):
        return no_such_key(str(cause.full_key), arguments)
    key = str(cause.full_key)
    inside = [w for w in overrides_of(arguments) if w.lstrip("+~").startswith(f"{key}.")]
    return f"{inside[0] if inside else given(key, arguments)}: {expected(cause)}"


def _about_the_rest(error: Exception, arguments: Sequence[str]) -> str:
    """What Hydra or Python's logging says, with the words that may have brought it about."""
    causes = [first_line(each) for each in (error, error.__cause__) if each is not None]
    if word := culprit(arguments):
        return f"{word}: {causes[-1]}"
    words = [word for word in overrides_of(arguments) if word.lstrip("+~").startswith("hydra")]
    suspects = [word for word in words if word.partition("=")[0] not in FOLDERS]
    if not suspects:
        return causes[0]
    return f"{' '.join(suspects)}: {': '.join(causes)}; {program.name()} --cfg hydra shows defaults"


def _several(word: str) -> str:
    key, _, value = word.partition("=")
    if key in FOLDERS or key.startswith(("hydra.", "hydra/")):
        quoted = shlex.quote(typed(key, value))
        return f"{word}: must be one value; text with a comma is quoted: {quoted}"
    return f"{word}: several values make a sweep; add -m, or for one list write {key}=[{value}]"


def _no_option(message: str, arguments: Sequence[str]) -> UserError:
    match = re.search(r"Could not (?:find|load) '((?:hydra/)?[^/']+)/([^']+)'", message)
    if match is None:
        return ConfigError(first_line(Exception(message)))
    group, option = match.groups()
    found = repository(arguments)
    known = options(group, found) or re.findall(r"^\t(\S+)$", message, re.MULTILINE)
    if known == ["default"]:
        return ConfigError(group_of_keys(f"{group}={option}", found))
    fix = _place(group, option) or f"choose from {', '.join(known)}{nearest(option, known)}"
    return ConfigError(f"{group}={option}: no such option; {fix}")


def _place(group: str, option: str) -> str | None:
    """Where below the working folder a file of that option lies that nobody has pointed to."""
    name = f"{group}/{option}.yaml"
    for file in sorted([*Path().glob(f"*/{name}"), *Path().glob(f"*/*/{name}")]):
        return f"{file} is here; add --config-dir {shlex.quote(str(file.parents[1]))}"
    return None


def _unwritable(error: OSError, arguments: Sequence[str]) -> UserError:
    if error.errno in FULL and error.filename:
        return UserError(unwritable(error))
    where = f"{error.filename}: " if error.filename else ""
    for key in ("hydra.sweep.dir", "hydra.run.dir"):
        folder = given(key, arguments).partition("=")[2]
        if folder and str(error.filename).startswith(folder):
            where = f"{key}={error.filename}: "
    return UserError(f"{where}can't write there ({error.strerror}); choose another folder")
