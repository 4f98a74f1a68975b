"""The options of a command line that isn't Hydra's."""

from __future__ import annotations

import argparse
from typing import NoReturn

from grok.errors import UsageError


class Parser(argparse.ArgumentParser):
    """Reports a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        """Raise a `UsageError`."""
        raise UsageError(f"{message}; see {self.prog} --help")
