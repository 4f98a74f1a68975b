"""``grok-analyze``: read a sweep, write its table, pictures and report, print what it came to."""

from __future__ import annotations

import argparse
import functools
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from grok import program
from grok.analysis.output import Output, attempt
from grok.analysis.progress import Progress
from grok.analysis.read.published import facts
from grok.analysis.read.table import Sweep, read_sweep
from grok.analysis.summary import summary
from grok.errors import UsageError, UserError, debugging, named
from grok.printable import show

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from grok.analysis.pictures.catalogue import Draw

TABLE = "grid.csv"
# spelled out so that --help needn't wait for matplotlib
KINDS = ("phases", "times", "landscape", "curves", "trajectories")


def main(arguments: list[str] | None = None) -> None:
    """Run ``grok-analyze`` with `arguments`, by default the command line's.

    Raises:
        UserError: the folder holds no sweep, a file in it is damaged, or nothing can be written.
    """
    options = parse(arguments)
    try:
        text = analyse(options)
    except Exception as error:
        if isinstance(error, UserError) or debugging():
            raise
        raise UserError(
            f"{options.folder}: can't be analysed ({named(error)}); GROK_DEBUG=1 shows where"
        ) from error
    show(text)


def analyse(options: argparse.Namespace) -> str:
    """Write what `options` ask for; what it came to, and where it is.

    Raises:
        UserError: as `main`.
    """
    with Progress() as progress:
        progress(f"reading {options.folder}")
        sweep = read_sweep(options.folder, options.budget)
        output = Output(sweep.folder, options.out)
        if options.compare is not None:
            text = compare(sweep, options, output)
        else:
            text = summary(sweep)
            write(sweep, options, output, progress)
    return f"{text}\n{output.listing()}"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The options, an attribute each: ``folder`` is a path, ``budget`` steps or None."""
    parser = _Parser(
        prog=program.name(),
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
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="write to FOLDER instead of to analysis/ in the sweep's own",
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
        raise UsageError(f"{message}; see {self.prog} --help")


def compare(sweep: Sweep, options: argparse.Namespace, output: Output) -> str:
    """Write ``agreement.csv`` and its picture; what it came to.

    Raises:
        UserError: there is no such grid to compare with, or no cell in common.
    """
    from grok.analysis.numbers import agreement
    from grok.analysis.numbers.matching import match
    from grok.analysis.pictures import agreement_map
    from grok.analysis.pictures.palette import PALETTES

    found = match(sweep, agreement.other(options.compare), options.budget)
    output.table("agreement.csv", lambda: found.cells)
    output.picture("agreement", agreement_map.draw, found, PALETTES[options.palette])
    return agreement.text(found)


def write(
    sweep: Sweep, options: argparse.Namespace, output: Output, progress: Callable[[str], None]
) -> None:
    """Write tables, pictures and, unless a kind is asked for, the report.

    Args:
        options: see `parse`.
        progress: told what begins.

    Raises:
        UserError: pictures of `kind`, or the prediction, can't be drawn of this sweep.
    """
    output.table(TABLE, lambda: sweep.table.drop(columns="folder"))
    if sweep.table.empty:
        for name in ("theory", "frame", "paths", "flow"):
            if getattr(options, name):
                raise UserError(f"--{name}: no member of {sweep.folder} has finished")
        return
    from grok.analysis import report
    from grok.analysis.numbers import agreement, dependence, flow
    from grok.analysis.pictures import decay, frame, landscape, layout, paths, plane_maps, seeds
    from grok.analysis.pictures import theory as lu
    from grok.analysis.pictures.catalogue import PICTURES, kinds
    from grok.analysis.pictures.palette import PALETTES

    kind, palette = options.kind, PALETTES[options.palette]
    wanted = kinds(sweep) if kind is None else [kind]
    for kind_of, name, tabulate in (
        ("landscape", "landscape.csv", landscape.table),
        ("landscape", "dependence.csv", dependence.table),
        ("times", "fits.csv", decay.fits),
        ("phases", "seeds.csv", seeds.table),
    ):
        if kind_of in wanted:
            output.table(name, tabulate, sweep)
    # what was asked for and can't be is said; what fails beyond that leaves the rest
    asked = functools.partial(attempt, fatal=UserError)
    predicted = asked("--theory", lu.predictions, sweep, wanted) if options.theory else None
    framed = agreement.other(options.frame, "--frame") if options.frame else None
    outline = asked("--frame", frame.box, sweep, framed) if framed else None
    runs = read_sweep(options.paths) if options.paths else None
    crossing = asked("--paths", paths.cross, sweep, runs) if runs else None
    followed = (
        asked("--flow", flow.paths, sweep, options.flow, options.start) if options.flow else []
    )

    def overlaid(name: str, draw: Draw) -> Figure | None:
        figure = draw(sweep, palette)
        if figure is None:
            return None
        if predicted is not None and name in lu.PICTURES:
            lu.draw_over(figure, predicted)
        if outline is not None and name in PICTURES["phases"] and name != "seeds":
            frame.draw_over(figure, layout.choose(sweep), outline)
        return figure

    progress(f"drawing {len(sweep.table)} members")
    for name, draw in itertools.chain.from_iterable(PICTURES[each].items() for each in wanted):
        output.picture(name, overlaid, name, draw)
    if kind is not None and not output.pictures:
        raise UserError(f"--kind {kind}: nothing of that kind can be drawn of {sweep.folder}")
    if crossing is not None:
        output.picture("paths", paths.draw, crossing, palette)
    if followed:
        output.table("flow.csv", flow.table, followed)
        output.table("flow_paths.csv", flow.points, sweep, followed)
        output.picture("flow", plane_maps.flows, sweep, followed)
    if kind is None:
        progress("writing the report")
        output.report(report.write, sweep, palette, output.folder, crossing)
