"""What mistakes are called: the type that a value should have, the key that was meant."""

from __future__ import annotations

import difflib
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
    node = parent if in_list or parent is None else parent._get_node(error.key)
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
    valid = [name for name in valid if name != key]
    section, _, last = key.rpartition(".")
    same_name = [name for name in valid if name.rpartition(".")[2] == last]
    siblings = [name for name in valid if section and name.rpartition(".")[0] == section]
    candidates = [name for name in siblings or valid if "._" not in name]
    matches = same_name[:1] or difflib.get_close_matches(key, candidates, n=1, cutoff=0.6)
    return f"; did you mean {matches[0]}?" if matches else ""
