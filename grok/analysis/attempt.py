"""A part of the analysis that fails is a line; the others are made."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from grok.errors import UserError, debugging, first_line, named
from grok.printable import printable

_Part = TypeVar("_Part")


class UnwritableError(UserError):
    """A file can't be written, so others there can't either."""


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
