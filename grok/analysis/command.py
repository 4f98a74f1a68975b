"""``grok-analyze``: read a sweep, write its table, pictures and report, print what it came to."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from grok.analysis.numbers.kinds import kinds
from grok.analysis.options import OVERLAYS, parse
from grok.analysis.output import Output
from grok.analysis.progress import Progress
from grok.analysis.read.published import read_other
from grok.analysis.read.sweep import Sweep
from grok.analysis.read.table import read_sweep
from grok.analysis.summary import summary
from grok.analysis.tracking import track
from grok.errors import UserError, attempt, debugging, named
from grok.printable import show

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from grok.analysis.numbers.flow import FlowPath
    from grok.analysis.numbers.frame import Box
    from grok.analysis.numbers.paths import Crossing
    from grok.analysis.pictures.catalogue import Draw

TABLE = "grid.csv"


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
        if options.track is not None:
            progress(f"taking {len(sweep.table)} members over to {options.track}")
            shown = track(sweep, options.track, output.folder / options.track)
            return f"{summary(sweep)}\ntracked   {shown}"
        if options.compare is not None:
            text = compare(sweep, options, output)
        else:
            text = summary(sweep)
            write(sweep, options, output, progress)
    return f"{text}\n{output.listing()}"


def compare(sweep: Sweep, options: argparse.Namespace, output: Output) -> str:
    """Write ``agreement.csv`` and its picture; what it came to.

    Raises:
        UserError: there is no such grid to compare with, or no cell in common.
    """
    from grok.analysis.numbers.agreement import agreement_text
    from grok.analysis.numbers.matching import match
    from grok.analysis.pictures.agreement_map import draw_agreement
    from grok.analysis.pictures.palette import PALETTES

    found = match(sweep, read_other(options.compare, "--compare"), options.budget)
    output.table("agreement.csv", lambda: found.cells)
    output.picture("agreement", draw_agreement, found, PALETTES[options.palette])
    return agreement_text(found)


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
    output.table(TABLE, lambda: sweep.known.drop(columns="folder"))
    if sweep.table.empty:
        for name in OVERLAYS:
            if getattr(options, name):
                raise UserError(f"--{name}: no member of {sweep.folder} has finished")
        return
    wanted = kinds(sweep) if options.kind is None else [options.kind]
    write_tables(sweep, wanted, output)
    asked = overlays(sweep, options, wanted)
    progress(f"drawing {len(sweep.table)} members")
    write_pictures(sweep, options, wanted, asked, output)
    if options.kind is None:
        progress("writing the report")
        from grok.analysis import report
        from grok.analysis.pictures.palette import PALETTES

        palette = PALETTES[options.palette]
        output.report(report.NAME, report.page, sweep, palette, asked.crossing)


def write_tables(sweep: Sweep, wanted: list[str], output: Output) -> None:
    """Write the tables beside the pictures of the kinds `wanted`."""
    from grok.analysis.numbers.decay import decay_fits
    from grok.analysis.numbers.dependence import dependence_table
    from grok.analysis.numbers.landscape import landscape_table
    from grok.analysis.numbers.seeds import seeds_table

    for kind, name, tabulate in (
        ("landscape", "landscape.csv", landscape_table),
        ("landscape", "dependence.csv", dependence_table),
        ("times", "fits.csv", decay_fits),
        ("phases", "seeds.csv", seeds_table),
    ):
        if kind in wanted:
            output.table(name, tabulate, sweep)


class Overlays(NamedTuple):
    """What options ask for over the pictures, or beside them; None for what they don't.

    Attributes:
        predicted: the LU mechanism's time of every cell, an image a panel.
        outline: the range of another sweep.
        crossing: free members over the landscape.
        followed: paths of the reduced dynamics.
    """

    predicted: list[NDArray[np.float64]] | None
    outline: Box | None
    crossing: Crossing | None
    followed: list[FlowPath] | None


def overlays(sweep: Sweep, options: argparse.Namespace, wanted: list[str]) -> Overlays:
    """What was asked for; what fails other than by a mistake of the user is left out.

    Raises:
        UserError: something can't be had of this sweep.
    """
    from grok.analysis.numbers.flow import flow_paths
    from grok.analysis.numbers.frame import frame_box
    from grok.analysis.numbers.paths import cross
    from grok.analysis.numbers.theory import predictions

    asked = functools.partial(attempt, fatal=UserError)
    theory, start = options.theory, options.start
    framed = read_other(options.frame, "--frame") if options.frame else None
    runs = read_sweep(options.paths) if options.paths else None
    return Overlays(
        predicted=asked("--theory", predictions, sweep, wanted) if theory else None,
        outline=asked("--frame", frame_box, sweep, framed, wanted) if framed else None,
        crossing=asked("--paths", cross, sweep, runs) if runs else None,
        followed=asked("--flow", flow_paths, sweep, options.flow, start) if options.flow else None,
    )


def write_pictures(
    sweep: Sweep, options: argparse.Namespace, wanted: list[str], asked: Overlays, output: Output
) -> None:
    """Write the pictures of the kinds `wanted`, with what was `asked` for over and beside them.

    Raises:
        UserError: a kind is asked for of which nothing can be drawn.
    """
    from grok.analysis.numbers.flow import flow_points, flow_table
    from grok.analysis.numbers.layout import choose
    from grok.analysis.pictures.catalogue import PICTURES
    from grok.analysis.pictures.frame import draw_frame
    from grok.analysis.pictures.palette import PALETTES
    from grok.analysis.pictures.paths import draw_paths
    from grok.analysis.pictures.plane_maps import draw_flows
    from grok.analysis.pictures.theory import WITH_PREDICTION, draw_prediction

    palette = PALETTES[options.palette]

    def overlaid(name: str, draw: Draw) -> Figure | None:
        figure = draw(sweep, palette)
        if figure is not None and asked.predicted is not None and name in WITH_PREDICTION:
            draw_prediction(figure, asked.predicted)
        maps = name in PICTURES["phases"] and name != "seeds"
        if figure is not None and asked.outline is not None and maps:
            draw_frame(figure, choose(sweep), asked.outline)
        return figure

    for kind, pictures in PICTURES.items():
        for name, draw in pictures.items() if kind in wanted else ():
            output.picture(name, overlaid, name, draw)
    if options.kind is not None and not output.pictures:
        raise UserError(
            f"--kind {options.kind}: nothing of that kind can be drawn of {sweep.folder}"
        )
    if asked.crossing is not None:
        output.picture("paths", draw_paths, asked.crossing, palette)
    if asked.followed:
        output.table("flow.csv", flow_table, asked.followed)
        output.table("flow_paths.csv", flow_points, sweep, asked.followed)
        output.picture("flow", draw_flows, sweep, asked.followed)
