"""Texts of configurations, records and file names, made fit to be printed and drawn."""

from __future__ import annotations

import sys


def printable(text: object) -> str:
    """`text`, what a terminal would obey or has no sign for in it escaped as in Python."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in str(text)
    )


def printable_lines(text: str) -> list[str]:
    """The lines of `text`, each made `printable`."""
    return [printable(line) for line in text.split("\n")]


def show(text: str) -> None:
    """Print lines of `text`, made `printable`, in what the output's encoding has."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"  # none where it is closed
    for line in printable_lines(text):
        print(line.encode(encoding, "backslashreplace").decode(encoding))
