"""The curves of one member: what a run leaves where nothing is swept."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.analysis.palette import Palette
from grok.analysis.table import Sweep
from grok.errors import UserError
from grok.phases import Phase
from grok.results import CURVE_COLUMNS, CURVES, Record, read_record

ROWS = (
    ("accuracy", {"train_accuracy": "train", "val_accuracy": "validation"}),
    ("loss", {"train_loss": "train", "val_loss": "validation"}),
    ("weight norm", {"weight_norm": "all parameters"}),
)
COLOURS = ("#D55E00", "#0072B2")


def draw(sweep: Sweep, palette: Palette) -> Figure | None:
    """Accuracy, loss and weight norm of a lone member against the step (logarithmic).

    The time from T_train to T_val, or to the end, is shaded in the phase's colour. None where
    more than one member is planned, or the one left no curves.

    Raises:
        UserError: the member's ``curves.csv`` is damaged.
    """
    if len(sweep.planned) != 1 or sweep.missing:
        return None
    folder = Path(sweep.table["folder"].iloc[0])
    if not (folder / CURVES).is_file():
        return None
    record, curves = read_record(folder), read_curves(folder / CURVES)
    phase = Phase(sweep.table["phase"].iloc[0])
    figure = Figure(figsize=(5.2, 6.0), layout="constrained")
    for axes, (label, columns) in zip(figure.subplots(3, 1, sharex=True), ROWS, strict=True):
        for (column, name), colour in zip(columns.items(), COLOURS, strict=False):
            axes.plot(curves["step"], curves[column], color=colour, label=name)
        axes.set_ylabel(label)
        axes.set(xscale="log", yscale="log" if label == "loss" else "linear")
        _shade_delay(axes, record, palette[phase])
        if len(columns) > 1:
            axes.legend(fontsize=8, frameon=False)
    figure.supxlabel("optimizer step", fontsize=10)
    figure.suptitle(f"{record.task}: {phase}", fontsize=10)
    return figure


def read_curves(path: Path) -> pd.DataFrame:
    """A member's ``curves.csv``: `grok.results.CURVE_COLUMNS`, one row a recorded step.

    Raises:
        UserError: the file isn't such a table.
    """
    try:
        return pd.read_csv(path, usecols=list(CURVE_COLUMNS), dtype="float64")
    except (OSError, ValueError) as error:
        problem = " ".join(str(error).split())
        raise UserError(f"{path}: damaged ({problem}); delete its run and run it again") from None


def _shade_delay(axes: Axes, record: Record, colour: str) -> None:
    if record.t_train is not None:
        end, name = (record.t_val, "T_val") if record.t_val is not None else (record.steps, "end")
        axes.axvspan(record.t_train, end, color=colour, alpha=0.35, label=f"T_train to {name}")
