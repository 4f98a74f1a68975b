"""What ``analyze.py`` writes, part by part: one that fails is a line, the others are written."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from grok.errors import UnwritableError, UserError, attempt, unwritable
from grok.record.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER = "analysis"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of a text that a spreadsheet runs, or strips off one that it runs."""


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Path]:
    """As `atomic_path`.

    Raises:
        UnwritableError: no room, no permission, or something is in the way.
    """
    try:
        with atomic_path(path) as temporary:
            yield temporary
    except OSError as error:
        raise UnwritableError(unwritable(error, path, "or pass --out FOLDER")) from None


class Output:
    """A folder of tables, pictures and a report.

    Args:
        sweep: the folder that was read.
        out: where to write instead of to its ``analysis/``.

    Attributes:
        tables, pictures, reports: paths of what has been written.

    Raises:
        UserError: ``analysis/`` leads elsewhere, where nobody asked to write.
    """

    def __init__(self, sweep: Path, out: Path | None = None) -> None:
        self.folder = sweep / FOLDER if out is None else out
        if out is None and self.folder.is_symlink():
            raise UserError(
                f"{self.folder}: is a symbolic link, which isn't followed; remove it, or pass "
                "--out FOLDER"
            )
        self.tables: list[Path] = []
        self.pictures: list[Path] = []
        self.reports: list[Path] = []

    def table(self, name: str, make: Callable[..., pd.DataFrame | None], *arguments: Any) -> None:
        """Write the table that `make` gives, if any, as the file `name`."""
        found = attempt(name, make, *arguments)
        if found is not None:
            with writing(self.folder / name) as temporary:
                inert(found).to_csv(temporary, index=False, errors="backslashreplace")
            self.tables.append(self.folder / name)

    def picture(self, name: str, draw: Callable[..., Figure | None], *arguments: Any) -> None:
        """Write the figure that `draw` gives, if any, as ``<name>.png`` and ``<name>.pdf``."""

        def written() -> list[Path]:
            from grok.analysis.pictures.canvas import FORMATS, save

            figure = draw(*arguments)
            if figure is None:
                return []
            paths = [self.folder / f"{name}.{suffix}" for suffix in FORMATS]
            for path, suffix in zip(paths, FORMATS, strict=True):
                # The temporary name doesn't end in the format, so the format is passed.
                with writing(path) as temporary:
                    save(figure, temporary, suffix)
            return paths

        self.pictures += attempt(name, written) or []

    def report(self, name: str, make: Callable[..., str], *arguments: Any) -> None:
        """Write the page that `make` gives as the file `name`."""
        page = attempt("report", make, *arguments)
        if page is not None:
            with writing(self.folder / name) as temporary:
                temporary.write_text(page, encoding="utf-8")
            self.reports.append(self.folder / name)

    def listing(self) -> str:
        """The paths, by what they are."""
        groups = {"tables" if len(self.tables) > 1 else "table": self.tables}
        groups |= {"pictures": self.pictures} | ({"report": self.reports} if self.reports else {})
        lines: list[str] = []
        for name, paths in groups.items():
            texts = list(map(str, paths)) or ["none"]
            lines += [f"{name:<10}{texts[0]}", *(f"{'':<10}{text}" for text in texts[1:])]
        return "\n".join(lines)


def inert(table: pd.DataFrame) -> pd.DataFrame:
    """`table` without texts that a spreadsheet would run: an apostrophe before each, as it does."""
    texts = table.select_dtypes(include=["object", "str"]).columns
    harmless = table.assign(**{name: table[name].map(_inert) for name in texts})
    return harmless.rename(columns=_inert)


def _inert(cell: Any) -> Any:
    runs = isinstance(cell, str) and cell.startswith(FORMULA) and not _is_number(cell)
    return f"'{cell}" if runs else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()
