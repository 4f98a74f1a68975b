"""The words and numbers along the axes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from grok.analysis.numbers.layout import Layout, Selection
from grok.analysis.read.sweep import Sweep
from grok.phases import Phase
from grok.printable import printable
from grok.record.names import STEP_COLUMNS

MEASURED = {name: name.replace("val_", "validation_").replace("_", " ") for name in STEP_COLUMNS}
TIME_NAMES = {"t_train": "T_train", "t_val": "T_val"}
BEYOND, DIVERGED = "T_val beyond the budget", "diverged"
"""Of members without T_val, in legends."""
PHASES = [str(phase) for phase in Phase]


def measured_label(name: str) -> str:
    """What the measured number `name` is called: in words, if known."""
    return MEASURED.get(name, name)


def axis_label(key: str, roles: Mapping[str, str]) -> str:
    """What `key` means, if `roles` tell, and its full name."""
    return f"{roles[key]} ({key})" if key in roles else key


def panel_title(panel: Selection) -> str:
    """A line for each key of the panel."""
    return "\n".join(f"{key}={number(value)}" for key, value in panel.items())


def member_text(member: pd.Series, keys: Iterable[str]) -> str:
    """The phase and the settings of a member of the table, a line."""
    settings = panel_title({key: member[key] for key in keys}).replace("\n", ", ")
    return f"{member['phase']}: {settings or 'job ' + str(member['job'])}"


def folder_name(sweep: Sweep) -> str:
    """The last two parts of the sweep's folder, by default its date and time."""
    return "/".join(sweep.folder.absolute().parts[-2:])


def finished(sweep: Sweep) -> str:
    """How many members have finished, how many cells are implied and how many are missing."""
    missing = f", {sweep.missing} missing" if sweep.missing else ""
    counted = f"{len(sweep.table)} of {len(sweep.planned)}"
    if sweep.implied is None:
        return f"{counted} finished{missing}"
    return f"{counted} trained, {len(sweep.implied)} implied{missing}"


def left_out(layout: Layout) -> str:
    """What is to be said where there are more panels than are drawn."""
    drawn = len(layout.panels)
    return f"the first {drawn} of {drawn + layout.left_out} panels"


def tick_texts(values: Sequence[Any]) -> list[str]:
    """`values` with as few digits (at least two) as tell them apart; those of up to four whole."""
    for digits in range(2, 17):
        texts = [number(value, 4 if _is_short(value) else digits) for value in values]
        if len(set(texts)) == len(values):
            return texts
    return [printable(value) for value in values]


def _is_short(value: Any) -> bool:
    """Whether four digits give the number itself."""
    return isinstance(value, float) and float(number(value)) == value


def tick_positions(count: int, most: int) -> list[int]:
    """Evenly spaced indices of `count` cells, at most `most`, the last one among them if it fits.

    Texts as few as `most` are all shown, more only every few cells.
    """
    least = max(1, -(-(count - 1) // (most - 1)))
    fitting = [step for step in range(least, 2 * least + 1) if (count - 1) % step == 0]
    return list(range(0, count, fitting[0] if fitting else least))


def number(value: Any, digits: int = 4) -> str:
    """``41``, ``0.5``, ``tanh``, ``4e-5``: short, and exact for integers."""
    if not isinstance(value, float):
        return printable(value)
    if value == 0 or 1e-2 <= abs(value) < 1e5:
        return np.format_float_positional(value, precision=digits, fractional=False, trim="-")
    text = np.format_float_scientific(value, precision=digits - 1, trim="-", exp_digits=1)
    return text.replace("e+", "e").replace(".e", "e")
