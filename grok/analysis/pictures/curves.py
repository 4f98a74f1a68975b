"""The curves of one member, or of the few members of a small sweep."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grok.analysis.numbers import measures
from grok.analysis.numbers.curves import ACCURACIES, CURVE_ROWS, delay
from grok.analysis.numbers.labels import panel_title
from grok.analysis.numbers.measures import MOST_MEASURED
from grok.analysis.pictures.canvas import MOST_COLUMNS, log_scale
from grok.analysis.pictures.measures import scale
from grok.analysis.pictures.palette import INK, TRAIN, VALIDATION, Palette
from grok.analysis.read import files
from grok.analysis.read.sweep import Sweep
from grok.phases import Phase
from grok.record.record import Record

MOST_CURVE_PANELS = 12


def draw_curves(sweep: Sweep, palette: Palette) -> Figure | None:
    """Accuracy, loss and weight norm of a lone member against the step (logarithmic).

    Below them the first six numbers of its measures. The time from T_train to T_val, or to the
    end, is shaded in the phase's colour. None where more than one member is planned, or the one
    left no curves.
    """
    if len(sweep.planned) != 1 or sweep.missing:
        return None
    ((job, record),) = sweep.records.items()
    curves = files.curves(sweep, job)
    if curves is None:
        return None
    phase = Phase(sweep.table["phase"].iloc[0])
    measured = list(measures.of_member(sweep, job).items())[:MOST_MEASURED]
    count = len(CURVE_ROWS) + len(measured)
    figure = Figure(figsize=(5.2, 2.0 * count), layout="constrained")
    rows = figure.subplots(count, 1, sharex=True)
    for axes, (label, columns) in zip(rows, CURVE_ROWS, strict=False):
        for (column, name), colour in zip(columns.items(), (TRAIN, VALIDATION), strict=False):
            axes.plot(curves["step"], curves[column], color=colour, label=name)
        axes.set_ylabel(label)
        log_scale(axes, "xy" if label == "loss" else "x")
    for axes, (name, values) in zip(rows[len(CURVE_ROWS) :], measured, strict=True):
        axes.plot(values.index, values, color=INK)
        axes.set_ylabel(name)
        scale(axes, values, measures.better(sweep.measured, name))
    for axes in rows:
        _shade_delay(axes, record, palette[phase])
        if len(axes.lines) > 1:
            axes.legend(fontsize=8, frameon=False)
    figure.supxlabel("optimizer step", fontsize=10)
    figure.suptitle(f"{record.task}: {phase}", fontsize=10)
    return figure


def draw_curve_panels(sweep: Sweep, palette: Palette) -> Figure | None:
    """Accuracies of every member of a small sweep (Omnigrok, Figure 2b), a panel each.

    Rows by the first swept key, columns by the last; empty where nothing has finished. None where
    nothing or much is swept, or no member left curves.
    """
    members = sweep.planned.sort_values(sweep.keys) if sweep.keys else sweep.planned
    if not 2 <= len(members) <= MOST_CURVE_PANELS:
        return None
    phases = dict(zip(sweep.table["job"], sweep.table["phase"], strict=True))
    found = [files.curves(sweep, job) if job in phases else None for job in members["job"]]
    if all(curves is None for curves in found):
        return None
    across = members[sweep.keys[-1]].nunique() if sweep.keys else len(members)
    columns = min(across, MOST_COLUMNS)
    rows = -(-len(members) // columns)
    figure = Figure(figsize=(2.6 * columns + 0.6, 2.3 * rows + 0.6), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat[len(members) :]:
        axes.remove()
    for axes, (_, member), curves in zip(grid.flat, members.iterrows(), found, strict=False):
        axes.set_title(panel_title({key: member[key] for key in sweep.keys}), fontsize=8)
        if curves is None:
            continue
        for (column, name), colour in zip(ACCURACIES.items(), (TRAIN, VALIDATION), strict=True):
            axes.plot(curves["step"], curves[column], color=colour, label=name)
        _shade_delay(axes, sweep.records[member["job"]], palette[Phase(phases[member["job"]])])
        log_scale(axes, "x")
    next(axes for axes in grid.flat if axes.lines).legend(fontsize=7, frameon=False)
    figure.supxlabel("optimizer step", fontsize=10)
    figure.supylabel("accuracy", fontsize=10)
    return figure


def _shade_delay(axes: Axes, record: Record, colour: str) -> None:
    waited = delay(record)
    if waited is not None:
        axes.axvspan(waited.start, waited.end, color=colour, alpha=0.35, label=waited.name)
