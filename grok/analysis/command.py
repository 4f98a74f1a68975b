"""``analyze.py``: read a sweep, write its table, pictures and report, print what it came to."""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pandas as pd

from grok.analysis.progress import Progress
from grok.analysis.table import Sweep, read_sweep
from grok.errors import UsageError, UserError
from grok.phases import Phase
from grok.results import atomic_path

FOLDER = "analysis"
TABLE = "grid.csv"
# spelled out so that --help needn't wait for matplotlib
KINDS = ("phases", "times", "landscape", "curves", "trajectories")


def main(arguments: list[str] | None = None) -> None:
    """Run ``analyze.py`` with `arguments`, by default the command line's.

    Raises:
        UserError: the folder holds no sweep, a file in it is damaged, or nothing can be written.
    """
    options = parse(arguments)
    with Progress() as progress:
        progress(f"reading {options.folder}")
        sweep = read_sweep(options.folder, options.budget)
        try:
            tables, pictures, reports = write(sweep, options.palette, options.kind, progress)
        except OSError as error:
            raise UserError(
                f"{options.folder / FOLDER}: can't be written ({error}); make it a writable folder"
            ) from None
    print(summary(sweep))
    print(_listing("tables" if len(tables) > 1 else "table", tables))
    print(_listing("pictures", pictures))
    if reports:
        print(_listing("report", reports))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The options: ``folder`` (a path), ``palette`` (a name) and ``budget`` (steps or None)."""
    parser = _Parser(
        prog="analyze.py",
        description="Write a sweep's table, pictures and interactive report, finished or not.",
    )
    parser.add_argument(
        "folder", type=Path, help="a sweep's folder, multirun/<date>/<time>, or a single run's"
    )
    parser.add_argument(
        "--palette",
        choices=("safe", "paper"),
        default="safe",
        help="colours of the phases: safe for the colour-blind (default), or the paper's",
    )
    parser.add_argument(
        "--budget",
        type=_steps,
        help="classify every run at this many steps (the smooth diagram keeps the whole run)",
    )
    parser.add_argument(
        "--kind",
        choices=KINDS,
        help="draw this kind of picture only, and write no report; without it, all that say "
        "something of the sweep",
    )
    return parser.parse_args(arguments)


def _steps(text: str) -> int:
    """A positive number of optimizer steps, for argparse."""
    try:
        steps = float(text)
    except ValueError:
        steps = math.nan
    if not (steps >= 1 and steps.is_integer()):
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number of optimizer steps")
    return int(steps)


class _Parser(argparse.ArgumentParser):
    """Reports a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see python {self.prog} --help")


def write(
    sweep: Sweep, palette: str, kind: str | None, progress: Callable[[str], None]
) -> tuple[list[Path], list[Path], list[Path]]:
    """Write tables, pictures and the report to ``<folder>/analysis``; the paths of each.

    Args:
        kind: of pictures, without a report, or None for all that say something of the sweep.
        progress: told what begins.

    Raises:
        UserError: pictures of `kind` can't be drawn of this sweep.
    """
    folder = sweep.folder / FOLDER
    tables = [_written(sweep.table.drop(columns="folder"), folder / TABLE)]
    if sweep.table.empty:
        return tables, [], []
    from grok.analysis import decay, landscape
    from grok.analysis.canvas import save
    from grok.analysis.palette import PALETTES
    from grok.analysis.pictures import PICTURES, kinds

    wanted = kinds(sweep) if kind is None else [kind]
    for kind_of, name, tabulate in (
        ("landscape", "landscape.csv", landscape.table),
        ("times", "fits.csv", decay.fits),
    ):
        found = tabulate(sweep) if kind_of in wanted else None
        if found is not None:
            tables.append(_written(found, folder / name))
    pictures = []
    progress(f"drawing {len(sweep.table)} members")
    for name, draw in itertools.chain.from_iterable(PICTURES[each].items() for each in wanted):
        figure = draw(sweep, PALETTES[palette])
        if figure is not None:
            pictures += save(figure, folder, name)
    if kind is not None and not pictures:
        raise UserError(f"--kind {kind}: nothing of that kind can be drawn of {sweep.folder}")
    if kind is not None:
        return tables, pictures, []
    from grok.analysis import report

    progress("writing the report")
    return tables, pictures, [report.write(sweep, PALETTES[palette], folder)]


def _written(table: pd.DataFrame, path: Path) -> Path:
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False)
    return path


def summary(sweep: Sweep) -> str:
    """What has finished, and the phases: a few aligned lines of plain text."""
    lines = [f"{sweep.folder}: {len(sweep.table)} of {len(sweep.planned)} finished"]
    if sweep.missing:
        lines[0] += f", {sweep.missing} missing"
    if len(sweep.planned) == 1 and not sweep.missing:
        lines += _outcome(sweep.table.iloc[0])
    elif not sweep.table.empty:
        lines += _phases(sweep.table["phase"])
    diverged = int(sweep.table["diverged"].sum())
    if diverged:
        lines.append(f"{'diverged':<14}{diverged:>7}")
    return "\n".join(lines)


def _phases(phases: pd.Series) -> list[str]:
    counts = {str(phase): int((phases == phase).sum()) for phase in Phase}
    return [f"{name:<14}{count:>7}{count / len(phases):>8.1%}" for name, count in counts.items()]


def _outcome(member: pd.Series) -> list[str]:
    """The result of a lone member."""
    values = {
        "phase": member["phase"],
        "T_train": _text(member["t_train"]),
        "T_val": _text(member["t_val"]),
        "steps": f"{member['steps']} of {member['budget']} ({member['stop_reason']})",
        "train accuracy": f"{member['train_accuracy']:.4g}",
        "val accuracy": f"{member['val_accuracy']:.4g}",
    }
    return [f"{name:<16}{value}" for name, value in values.items()]


def _text(step: int) -> str:
    return "never" if pd.isna(step) else str(step)


def _listing(name: str, paths: list[Path]) -> str:
    lines = [f"{'':<10}{path}" for path in paths] or [f"{'':<10}none"]
    return "\n".join(lines).replace(" " * len(name), name, 1)
