"""What a sweep came to, in a few lines of plain text."""

from __future__ import annotations

import pandas as pd

from grok.analysis.numbers.labels import PHASES, TIME_NAMES, finished, left_out
from grok.analysis.numbers.landscape import ended_early
from grok.analysis.numbers.layout import choose, phase_layout
from grok.analysis.numbers.mixture import mixture
from grok.analysis.read.sweep import Sweep


def summary(sweep: Sweep) -> str:
    """What has finished, and the phases: a few aligned lines of plain text."""
    lines = [f"{sweep.folder}: {finished(sweep)}"]
    if len(sweep.planned) == 1 and not sweep.missing:
        lines += _outcome(sweep.table.iloc[0])
    elif not (sweep.table.empty or sweep.constrained):  # phases say nothing at a norm that is held
        lines += _phases(sweep.known["phase"])
    if sweep.cut is not None:
        lines.append(f"{'phases':<14}as after {sweep.cut} steps")
    if early := ended_early(sweep):
        lines.append(f"{'ended early':<14}{early}")
    diverged = int(sweep.table["diverged"].sum())
    if diverged:
        lines.append(f"{'diverged':<14}{diverged:>7}")
    if mixed := mixture(sweep):
        lines.append(f"mixed: members differ in {mixed}")
    layout = choose(sweep)
    if layout.left_out and not sweep.table.empty:
        summed_up = layout.y is not None and phase_layout(sweep) is None and not sweep.constrained
        more = "; seeds.png sums up all" if summed_up else ""
        lines.append(f"{'drawn':<14}{left_out(layout)} at most{more}")
    return "\n".join(lines)


def _phases(phases: pd.Series) -> list[str]:
    counts = {name: int((phases == name).sum()) for name in PHASES}
    return [f"{name:<14}{count:>7}{count / len(phases):>8.1%}" for name, count in counts.items()]


def _outcome(member: pd.Series) -> list[str]:
    """The result of a lone member."""
    values = {
        "phase": member["phase"],
        **{name: _text(member[column]) for column, name in TIME_NAMES.items()},
        "steps": f"{member['steps']} of {member['budget']} ({member['stop_reason']})",
        "train accuracy": f"{member['train_accuracy']:.4g}",
        "val accuracy": f"{member['val_accuracy']:.4g}",
    }
    return [f"{name:<16}{value}" for name, value in values.items()]


def _text(step: int) -> str:
    return "never" if pd.isna(step) else str(step)
