"""What mistakes are called: the type that a value should have, the key that was meant."""

from __future__ import annotations

import dataclasses
import difflib
import enum
import re
import types
import typing
from collections.abc import Iterable
from typing import Any

from omegaconf import ListConfig
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from grok.errors import first_line

TYPES = {
    float: "a number, such as 1e-3",
    int: "a whole number in plain digits, such as 100000",
    bool: "true or false",
    str: "text",
    dict: "a mapping, such as {a:1}",
}
ALIKE = 0.7
"""The share of letters in common, as difflib counts them, from which two names are alike."""


def expected(error: OmegaConfBaseException) -> str:
    """What a value should have been, from OmegaConf's error about its type."""
    if isinstance(error, MissingMandatoryValue):
        return "needs a value"
    if match := re.match(r"Interpolation key '(.+)' not found", str(error)):
        return f"refers to {match[1]}, which is no key"
    if match := re.search(r"raised while resolving interpolation: (.+)", str(error)):
        return match[1].strip('"')
    parent: Any = error.parent_node
    in_list = isinstance(parent, ListConfig)
    try:
        node = parent if in_list or parent is None else parent._get_node(error.key)
    except OmegaConfBaseException:  # of no key in particular
        return first_line(error)
    metadata: Any = getattr(node, "_metadata", None)
    words = of_type(metadata.ref_type) if metadata else None
    if words is None:
        return first_line(error)
    return f"must be {words}" + (", or null" if metadata.optional and not in_list else "")


def of_type(kind: Any) -> str | None:
    """A type in words; None for one that has none here."""
    origin, elements = typing.get_origin(kind) or kind, typing.get_args(kind)
    if origin in (list, tuple):
        numbers = elements and elements[0] in (int, float)
        return "a list of numbers, such as [1,2]" if numbers else "a list, such as [a,b]"
    if origin in (typing.Union, types.UnionType):
        choices = [of_type(element) for element in elements if element is not type(None)]
        return " or ".join(map(str, choices)) if all(choices) else None
    if dataclasses.is_dataclass(origin):
        return f"a mapping of {', '.join(field.name for field in dataclasses.fields(origin))}"
    if isinstance(origin, type) and issubclass(origin, enum.Enum):
        return f"one of {', '.join(origin.__members__)}"
    return TYPES.get(origin)


def is_quoted(value: Any, typed: Any) -> bool:
    """Whether `value` is text that OmegaConf has made something else of, `typed`."""
    plain = isinstance(value, str) and not isinstance(typed, str)
    return plain and "${" not in value


def spelled(value: Any) -> str:
    """A value as it is written on a command line."""
    return {"None": "null", "True": "true", "False": "false"}.get(str(value), str(value))


def nearest(key: str, valid: Iterable[str]) -> str:
    """``"; did you mean X?"`` for the valid key closest to `key`, or nothing.

    One of the same last name, whatever its section, is the closest; then one of the same section.
    """
    valid = [name for name in valid if name != key and "._" not in name]
    section, _, last = key.rpartition(".")
    same_name = [name for name in valid if _last(name) == last]
    siblings = [name for name in valid if section and name.rpartition(".")[0] == section]
    if same_name:
        likeness = {name: _ratio(key, name) for name in same_name}
    elif siblings or not section:
        likeness = {name: _likeness(last, _last(name)) for name in siblings or valid}
    else:
        likeness = {name: _likeness(key, name) for name in valid}
    best = max(likeness, key=lambda name: likeness[name], default="")
    return f"; did you mean {best}?" if best and likeness[best] else ""


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _ratio(word: str, name: str) -> float:
    return difflib.SequenceMatcher(None, word.lower(), name.lower()).ratio()


def _likeness(word: str, name: str) -> float:
    """How near a mistyped word is to a name, from 0 (not at all) to 1.

    Of a very short one nothing can be told but a beginning, another case or one wrong letter.
    """
    word, name = word.lower(), name.lower()
    if word == name or name.startswith(word) or (word.startswith(name) and len(word) < 3):
        return 1.0
    if min(len(word), len(name)) > 3:
        ratio = _ratio(word, name)
        return ratio if ratio >= ALIKE else 0.0
    return 0.9 if min(len(word), len(name)) > 1 and _one_letter_apart(word, name) else 0.0


def _one_letter_apart(a: str, b: str) -> bool:
    """Whether a letter was left out, added or mistaken, or two neighbours were exchanged."""
    if len(a) > len(b):
        a, b = b, a
    if len(a) < len(b):
        return any(a == b[:i] + b[i + 1 :] for i in range(len(b)))
    wrong = [i for i in range(len(a)) if a[i] != b[i]]
    return len(wrong) == 1 or (
        len(wrong) == 2 and wrong[1] == wrong[0] + 1 and sorted(a) == sorted(b)
    )
