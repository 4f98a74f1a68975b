"""Words of a command line: folders in them, what is wrong in one, and how it is to be typed."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import OverrideParseException

from grok.errors import ConfigError

FOLDERS = {
    "hydra.run.dir": "one named after date and time",
    "hydra.sweep.dir": "one named after date and time",
    "data.dir": "GROK_DATA_DIR or ~/.cache/grok",
}
"""Keys of folders, and which these are by default."""
FUNCTIONS = {
    "range": "range(1,5) or range(1,5,2)",
    "linspace": "linspace(0,10,21)",
    "logspace": "logspace(-5,-2,21), from 10^-5 to 10^-2",
    "choice": "choice(a,b)",
    "interval": "a list of values, for an interval has none of its own",
    "glob": "glob(*) or glob([a*,b*])",
    "sort": "sort(3,1,2)",
    "shuffle": "shuffle(1,2,3)",
    "tag": "tag(name,choice(a,b))",
    "int": "int(5)",
    "float": "float(5)",
    "bool": "bool(true)",
    "str": "str(5)",
}
"""The functions of a sweep's values, as they are called."""
KEY = r"[+~]*[A-Za-z_$][\w$-]*([./@][\w$-]+)*"
MEANING = re.compile(r"[^\w/.+%@*?|$:-]", re.ASCII)
"""Characters that text without quotes can't have on Hydra's command line."""


def given(key: str, words: Sequence[str]) -> str:
    """The word of the command line that sets `key`, or `key` itself."""
    found = [word for word in words if word.lstrip("+~").partition("=")[0] == key]
    return found[-1] if found else key


def typed(key: str, text: str) -> str:
    """A word that sets `key` to `text`, with the quotes that Hydra needs."""
    return f"{key}={text if _is_plain(text) else QuotedString(text, Quote.double).with_quotes()}"


def _is_plain(text: str) -> bool:
    """Whether Hydra takes a text without quotes for itself, and for no number."""
    if not text or MEANING.search(text):
        return False
    try:
        return bool(OverridesParser.create().parse_override(f"key={text}").value() == text)
    except OverrideParseException:
        return False


def with_home(option: str) -> str:
    """An option such as ``--config-dir=~/conf`` with the home folder, which shells leave as ~."""
    name, _, value = option.partition("=")
    return f"{name}={os.path.expanduser(value)}" if value.startswith("~") else option


def with_folders(words: Sequence[str]) -> list[str]:
    """The words with ``~`` at the beginning of a value as the home folder.

    Raises:
        ConfigError: a folder is nowhere: without a name, or in the home of a user who isn't there.
    """
    return [_with_folder(word) for word in words]


def _with_folder(word: str) -> str:
    key, equals, value = word.partition("=")
    text = value.strip().strip("'\"")
    folder = key.lstrip("+")
    if equals and folder in FOLDERS and text.strip() in ("", "null"):
        raise ConfigError(f"{word}: must be a folder; leave it out for {FOLDERS[folder]}")
    if not text.startswith("~") or "," in text:
        return word
    path = os.path.expanduser(text)
    if path == text and folder in FOLDERS:
        raise ConfigError(f"{word}: there is no such home folder; write the path from / on")
    return word if path == text else typed(key, path)


def unreadable(word: str, words: Sequence[str], reason: str) -> str:
    """What to type instead of a word that Hydra can't parse.

    Args:
        word: one of `words`.
        words: the overrides of the command line.
        reason: Hydra's message.
    """
    pieces = _belonging(word, words)
    key, _, value = pieces[0].partition("=")
    tight = "".join(pieces)
    if len(pieces) > 1 and re.search(r"[,=] | [,=]", " ".join(pieces)):
        return f"{' '.join(pieces)}: a blank ends a word; write {shlex.quote(tight)}"
    if len(pieces) > 1 and key in FOLDERS:
        text = typed(key, " ".join([value, *pieces[1:]]))
        return f"{' '.join(pieces)}: a folder with a blank is quoted; write {shlex.quote(text)}"
    key, equals, value = word.partition("=")
    if not equals:
        return f"{word}: not an override; write key=value, such as opt.lr_dec=1e-3"
    if not re.fullmatch(KEY, key):
        return f"{word}: not an override; a key is of names joined by dots, such as opt.lr_dec"
    return f"{word}: not an override; {_unreadable_value(key, value, reason)}"


def _belonging(word: str, words: Sequence[str]) -> Sequence[str]:
    """The words around `word` that may be parts of one: the first has a key, the others none."""
    first = last = words.index(word) if word in words else -1
    if first < 0:
        return [word]
    while first > 0 and not _has_key(words[first]):
        first -= 1
    while last + 1 < len(words) and not _has_key(words[last + 1]):
        last += 1
    return words[first : last + 1]


def _has_key(word: str) -> bool:
    return re.match(KEY + "=", word) is not None or word.startswith("~")


def _unreadable_value(key: str, value: str, reason: str) -> str:
    quoted = shlex.quote(typed(key, value))
    if value[:1] in ("[", "{") and "~" in value:
        inner = re.sub(r"~[^],}]*", lambda match: f'"{match[0]}"', value)
        return f"text with ~ is quoted: {shlex.quote(f'{key}={inner}')}"
    if key in FOLDERS:
        return f"text with such characters is quoted: {quoted}"
    if value.startswith("="):
        return f"one = is enough: {shlex.quote(key + value)}"
    if re.search("^,|,,|,$", value):
        clean = re.sub(",+", ",", value).strip(",")
        return f"there is no value beside a comma; write {shlex.quote(f'{key}={clean}')}"
    if match := re.search(r"while evaluating '(\w+)\s*\(", reason):
        usage = FUNCTIONS.get(match[1])
        if usage is None:
            return f"{match[1]} is none of the functions {', '.join(FUNCTIONS)}; for text: {quoted}"
        return f"write {usage}"
    if (
        value.count('"') % 2
        or value.count("'") % 2
        or any(value.count(a) != value.count(b) for a, b in ("[]", "{}", "()"))
    ):
        return f"close the bracket or quote, or, for text: {quoted}"
    return f"text with such characters is quoted: {quoted}"
