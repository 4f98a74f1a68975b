"""Python's values as words of the command line, so that Hydra reads the same back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Quote, QuotedString

from grok.errors import ConfigError

PLAIN = r"(?!(?:true|false|null|nan|inf)$)[a-z_][\w/.-]*"
"""Texts that Hydra takes for nothing else."""


def axis(key: str, values: Iterable[Any]) -> str:
    """The word that sweeps over `values`, even if it is one only."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise ConfigError(f"{key}={values!r}: must be a list of values; for one write [{values!r}]")
    texts = [spelled(key, value) for value in values]
    if not texts:
        raise ConfigError(f"{key}: sweeps over no values; list some, or leave it out")
    return f"{key}={','.join(texts)}" if len(texts) > 1 else f"{key}=choice({texts[0]})"


def spelled(key: str, value: Any) -> str:
    """A value as Hydra reads it back: the same number, or the same text.

    Raises:
        ConfigError: it is nothing that a configuration can have.
    """
    if hasattr(value, "tolist"):  # NumPy's and PyTorch's
        value = value.tolist()
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str | Path):
        return _quoted(str(value))
    if isinstance(value, list | tuple):
        return f"[{','.join(spelled(key, element) for element in value)}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{name}:{spelled(key, each)}' for name, each in value.items())}}}"
    raise ConfigError(
        f"{key}={value!r}: is a {type(value).__name__}; give a number, a text, True, False, None, "
        "or a list of these"
    )


def _quoted(text: str) -> str:
    """A text with the quotes that keep it one, and none where it is one without."""
    if re.fullmatch(PLAIN, text, re.ASCII | re.IGNORECASE):
        return text
    return QuotedString(text, Quote.single).with_quotes()
