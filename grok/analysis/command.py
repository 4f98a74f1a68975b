"""``analyze.py``: read a sweep, write its table, pictures and report, print what it came to."""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, NoReturn

import pandas as pd

from grok.analysis.mixture import mixture
from grok.analysis.progress import Progress
from grok.analysis.published import facts
from grok.analysis.table import Sweep, read_sweep
from grok.errors import UsageError, UserError
from grok.files import atomic_path
from grok.phases import Phase

FOLDER = "analysis"
TABLE = "grid.csv"
# spelled out so that --help needn't wait for matplotlib
KINDS = ("phases", "times", "landscape", "curves", "trajectories")


class Written(NamedTuple):
    """What ``analysis/`` now holds, by kind."""

    tables: list[Path]
    pictures: list[Path]
    reports: list[Path]


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
            if options.compare is not None:
                text, written = compare(sweep, options)
            else:
                text, written = summary(sweep), write(sweep, options, progress)
        except OSError as error:
            raise UserError(
                f"{options.folder / FOLDER}: can't be written ({error}); make it a writable folder"
            ) from None
    print(text)
    print(_listing("tables" if len(written.tables) > 1 else "table", written.tables))
    print(_listing("pictures", written.pictures))
    if written.reports:
        print(_listing("report", written.reports))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The options, an attribute each: ``folder`` is a path, ``budget`` steps or None."""
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
    parser.add_argument(
        "--theory",
        action="store_true",
        help="draw the time to generalise that the LU mechanism predicts over the phase diagrams",
    )
    parser.add_argument(
        "--compare",
        metavar="B",
        help="tell how far the sweep agrees with B, another sweep's folder or a published grid: "
        + ", ".join(facts()),
    )
    parser.add_argument(
        "--frame",
        metavar="B",
        help="outline the range of B, as for --compare, on the phase diagrams",
    )
    parser.add_argument(
        "--paths",
        type=Path,
        metavar="RUNS",
        help="draw the members of RUNS, a sweep's or a run's folder, over the landscape",
    )
    parser.add_argument(
        "--flow",
        type=_numbers,
        metavar="DECAY,...",
        help="follow the reduced dynamics over the landscape with these weight decays",
    )
    parser.add_argument(
        "--start",
        type=_numbers,
        metavar="M,W",
        help="where --flow begins: the second key's value, and the weight norm",
    )
    options = parser.parse_args(arguments)
    others = ("kind", "theory", "frame", "paths", "flow")
    if options.compare is not None and any(getattr(options, name) for name in others):
        names = ", ".join(f"--{name}" for name in others)
        parser.error(f"--compare has a picture of its own; leave {names} away")
    if options.start is not None and (options.flow is None or len(options.start) != 2):
        parser.error("--start: takes two numbers, M,W, and belongs to --flow")
    for decay in options.flow or []:
        if not 0 < decay < math.inf:
            parser.error(f"--flow: {decay:g} is no weight decay over 0")
    return options


def _numbers(text: str) -> list[float]:
    """Numbers with commas between, for argparse."""
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: must be numbers, such as 1e-5,1e-4") from None


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


def compare(sweep: Sweep, options: argparse.Namespace) -> tuple[str, Written]:
    """Write ``agreement.csv`` and its picture; what it came to, and where they are.

    Raises:
        UserError: there is no such grid to compare with, or no cell in common.
    """
    from grok.analysis import agreement, agreement_map
    from grok.analysis.canvas import save
    from grok.analysis.matching import match
    from grok.analysis.palette import PALETTES

    found = match(sweep, agreement.other(options.compare), options.budget)
    folder = sweep.folder / FOLDER
    tables = [_written(found.cells, folder / "agreement.csv")]
    figure = agreement_map.draw(found, PALETTES[options.palette])
    pictures = save(figure, folder, "agreement") if figure is not None else []
    return agreement.text(found), Written(tables, pictures, [])


def write(sweep: Sweep, options: argparse.Namespace, progress: Callable[[str], None]) -> Written:
    """Write tables, pictures and, unless a kind is asked for, the report; where they are.

    Args:
        options: see `parse`.
        progress: told what begins.

    Raises:
        UserError: pictures of `kind`, or the prediction, can't be drawn of this sweep.
    """
    folder = sweep.folder / FOLDER
    tables = [_written(sweep.table.drop(columns="folder"), folder / TABLE)]
    if sweep.table.empty:
        for name in ("theory", "frame", "paths", "flow"):
            if getattr(options, name):
                raise UserError(f"--{name}: no member of {sweep.folder} has finished")
        return Written(tables, [], [])
    from grok.analysis import (
        agreement,
        decay,
        dependence,
        flow,
        frame,
        landscape,
        layout,
        paths,
        plane_maps,
        seeds,
    )
    from grok.analysis import theory as lu
    from grok.analysis.canvas import save
    from grok.analysis.palette import PALETTES
    from grok.analysis.pictures import PICTURES, kinds

    kind, palette = options.kind, PALETTES[options.palette]
    wanted = kinds(sweep) if kind is None else [kind]
    for kind_of, name, tabulate in (
        ("landscape", "landscape.csv", landscape.table),
        ("landscape", "dependence.csv", dependence.table),
        ("times", "fits.csv", decay.fits),
        ("phases", "seeds.csv", seeds.table),
    ):
        found = tabulate(sweep) if kind_of in wanted else None
        if found is not None:
            tables.append(_written(found, folder / name))
    predicted = lu.predictions(sweep, wanted) if options.theory else None
    outline = frame.box(sweep, agreement.other(options.frame, "--frame")) if options.frame else None
    crossing = paths.cross(sweep, read_sweep(options.paths)) if options.paths else None
    followed = flow.paths(sweep, options.flow, options.start) if options.flow else []
    pictures: list[Path] = []
    progress(f"drawing {len(sweep.table)} members")
    for name, draw in itertools.chain.from_iterable(PICTURES[each].items() for each in wanted):
        figure = draw(sweep, palette)
        if figure is not None:
            if predicted is not None and name in lu.PICTURES:
                lu.draw_over(figure, predicted)
            if outline is not None and name in PICTURES["phases"] and name != "seeds":
                frame.draw_over(figure, layout.choose(sweep), outline)
            pictures += save(figure, folder, name)
    if kind is not None and not pictures:
        raise UserError(f"--kind {kind}: nothing of that kind can be drawn of {sweep.folder}")
    if crossing is not None:
        pictures += save(paths.draw(crossing, palette), folder, "paths")
    if followed:
        tables.append(_written(flow.table(followed), folder / "flow.csv"))
        tables.append(_written(flow.points(sweep, followed), folder / "flow_paths.csv"))
        pictures += save(plane_maps.flows(sweep, followed), folder, "flow")
    if kind is not None:
        return Written(tables, pictures, [])
    from grok.analysis import report

    progress("writing the report")
    return Written(tables, pictures, [report.write(sweep, palette, folder, crossing)])


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
    if mixed := mixture(sweep):
        lines.append(f"mixed: members differ in {mixed}")
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
