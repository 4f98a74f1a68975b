"""The curves of one member, of the few of a small sweep, and of many over one number."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from grok.analysis.numbers import measures
from grok.analysis.numbers.curves import ACCURACIES, CURVE_ROWS, delay
from grok.analysis.numbers.labels import axis_label, panel_title, tick_positions, tick_texts
from grok.analysis.numbers.layout import MOST_PANELS, numeric, select, swept
from grok.analysis.numbers.measures import MOST_MEASURED
from grok.analysis.pictures.canvas import MOST_COLUMNS, grid_figure, legend_above, log_scale
from grok.analysis.pictures.measures import MANY_COLOURS, scale
from grok.analysis.pictures.palette import INK, TRAIN, VALIDATION, Palette
from grok.analysis.read import files
from grok.analysis.read.sweep import Sweep
from grok.phases import Phase
from grok.record.meaning import is_seed
from grok.record.record import Record

MOST_CURVE_PANELS = 12
TOGETHER = {"train_accuracy": "--", "val_accuracy": "-"}
"""How the accuracies of many members are drawn over one another."""


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
    every = list(measures.of_member(sweep, job).items())
    measured = every[:MOST_MEASURED]
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
    some = f" ({len(measured)} of {len(every)} measured)" if len(measured) < len(every) else ""
    figure.suptitle(f"{record.task}: {phase}{some}", fontsize=10)
    return figure


def draw_curve_panels(sweep: Sweep, palette: Palette) -> Figure | None:
    """Accuracies of every member of a small sweep (Omnigrok, Figure 2b), a panel each.

    Rows by the first swept key, columns by the last; empty where nothing has finished. None where
    nothing or much is swept, or no member left curves.
    """
    return _panels(sweep, palette, *CURVE_ROWS[0])


def draw_loss_panels(sweep: Sweep, palette: Palette) -> Figure | None:
    """Losses likewise (Omnigrok, Figure 5d)."""
    return _panels(sweep, palette, *CURVE_ROWS[1])


def _panels(
    sweep: Sweep, palette: Palette, label: str, columns: Mapping[str, str]
) -> Figure | None:
    members = sweep.planned.sort_values(sweep.keys) if sweep.keys else sweep.planned
    if not 2 <= len(members) <= MOST_CURVE_PANELS:
        return None
    phases = dict(zip(sweep.table["job"], sweep.table["phase"], strict=True))
    found = [files.curves(sweep, job) if job in phases else None for job in members["job"]]
    if all(curves is None for curves in found):
        return None
    across = members[sweep.keys[-1]].nunique() if sweep.keys else len(members)
    side = min(across, MOST_COLUMNS)
    rows = -(-len(members) // side)
    figure = Figure(figsize=(2.6 * side + 0.6, 2.3 * rows + 0.6), layout="constrained")
    grid = figure.subplots(rows, side, squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat[len(members) :]:
        axes.remove()
    for axes, (_, member), curves in zip(grid.flat, members.iterrows(), found, strict=False):
        axes.set_title(panel_title({key: member[key] for key in sweep.keys}), fontsize=8)
        if curves is None:
            continue
        for (column, name), colour in zip(columns.items(), (TRAIN, VALIDATION), strict=True):
            axes.plot(curves["step"], curves[column], color=colour, label=name)
        _shade_delay(axes, sweep.records[member["job"]], palette[Phase(phases[member["job"]])])
        log_scale(axes, "xy" if label == "loss" else "x")
    next(axes for axes in grid.flat if axes.lines).legend(fontsize=7, frameon=False)
    figure.supxlabel("optimizer step", fontsize=10)
    figure.supylabel(label, fontsize=10)
    return figure


def draw_curve_lines(sweep: Sweep, _palette: Palette) -> Figure | None:
    """Accuracies of many members over one number and seeds (Omnigrok, Figure 10c and d).

    A panel for each setting of the seeds, a colour for each value of the number. None where another
    key is swept, where the members have panels of their own, or none left curves.
    """
    values = swept(sweep)
    keys = [key for key in values if not is_seed(key)]
    if len(keys) != 1 or len(sweep.planned) <= MOST_CURVE_PANELS or not numeric(values[keys[0]]):
        return None
    (key,) = keys
    seeds = [each for each in values if each != key]
    settings = [
        dict(zip(seeds, each, strict=True))
        for each in itertools.product(*(values[seed] for seed in seeds))
    ]
    shown = [select(sweep.table, each).sort_values(key) for each in settings[:MOST_PANELS]]
    found = {job: files.curves(sweep, job) for members in shown for job in members["job"]}
    if all(curves is None for curves in found.values()):
        return None
    figure, panels = grid_figure(len(shown), extra_width=0.8)
    if len(settings) > len(shown):
        figure.suptitle(f"the first {len(shown)} of {len(settings)} panels", fontsize=10)
    ranks = Normalize(0, max(len(values[key]) - 1, 1))
    for axes, setting, members in zip(panels, settings, shown, strict=False):
        for job, value in zip(members["job"], members[key], strict=True):
            curves = found[job]
            if curves is not None:
                colour = MANY_COLOURS(ranks(values[key].index(value)))
                for column, dashes in TOGETHER.items():
                    axes.plot(curves["step"], curves[column], dashes, color=colour, linewidth=1)
        axes.set_title(panel_title(setting), fontsize=8)
        axes.tick_params(labelsize=8)
        log_scale(axes, "x")
    places = tick_positions(len(values[key]), most=7)
    colours = ScalarMappable(ranks, MANY_COLOURS)
    bar = figure.colorbar(colours, ax=panels, label=axis_label(key, sweep.roles), ticks=places)
    bar.ax.set_yticklabels([tick_texts(values[key])[place] for place in places])
    names = zip(ACCURACIES.values(), TOGETHER.values(), strict=True)
    legend_above(figure, [Line2D([], [], color=INK, ls=look, label=name) for name, look in names])
    figure.supxlabel("optimizer step", fontsize=10)
    figure.supylabel("accuracy", fontsize=10)
    return figure


def _shade_delay(axes: Axes, record: Record, colour: str) -> None:
    waited = delay(record)
    if waited is not None:
        axes.axvspan(waited.start, waited.end, color=colour, alpha=0.35, label=waited.name)
