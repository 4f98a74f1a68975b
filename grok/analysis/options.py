"""The command line of ``analyze.py``."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from grok import program
from grok.analysis.numbers.kinds import KINDS
from grok.analysis.read.published import facts
from grok.options import Parser

TRACKERS = ("tensorboard", "wandb", "mlflow")
OVERLAYS = ("theory", "frame", "paths", "flow")
"""Options that ask for something to be drawn over a picture, or beside it."""


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The options, an attribute each: ``folder`` is a path, ``budget`` steps or None."""
    parser = Parser(
        prog=program.name(),
        description="Write a sweep's table, pictures and interactive report, finished or not.",
    )
    parser.add_argument(
        "folder", type=_folder, help="a sweep's folder, multirun/<date>/<time>, or a single run's"
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
        type=_folder,
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
        "--track",
        choices=TRACKERS,
        help="take the members over to this experiment tracker, and write nothing else",
    )
    parser.add_argument(
        "--out",
        type=_folder,
        metavar="FOLDER",
        help="write to FOLDER instead of to analysis/ in the sweep's own",
    )
    options = parser.parse_args(arguments)
    others = ("kind", *OVERLAYS)
    if options.compare is not None and any(getattr(options, name) for name in others):
        names = ", ".join(f"--{name}" for name in others)
        parser.error(f"--compare has a picture of its own; leave {names} away")
    if options.track is not None and any(getattr(options, name) for name in ("compare", *others)):
        names = ", ".join(f"--{name}" for name in ("compare", *others))
        parser.error(f"--track writes nothing else; leave {names} away")
    if options.start is not None and (options.flow is None or len(options.start) != 2):
        parser.error("--start: takes two numbers, M,W, and belongs to --flow")
    for decay in options.flow or []:
        if not 0 < decay < math.inf:
            parser.error(f"--flow: {decay:g} is no weight decay over 0")
    return options


def _folder(text: str) -> Path:
    """A folder, with ~ as the home, which shells leave in ``--out=~/there``; for argparse."""
    return Path(text).expanduser()


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
