"""What the configured measures give, as files and in the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from lightning import Trainer

from grok.callbacks.member import MemberCallback
from grok.engine import Member, Rows
from grok.measures import HIGHER, Measure
from grok.record.files import atomic_path
from grok.record.names import MEASURES
from grok.record.record import Record


class Measures(MemberCallback):
    """Leaves ``measures.csv`` and, of measures that are arrays, ``<name>.npz``.

    The table has a row for each step at which any of them was due, and a column for each number.
    The last number of each, and the best where one is better than another, go into the record. An
    array's file holds ``steps``, shape (n,), and the arrays by name, shape (n, ...).

    Args:
        measures: by name.
    """

    def __init__(self, measures: Mapping[str, Measure]) -> None:
        super().__init__()
        self.measures = measures

    def observe(self, member: Member, rows: Rows, trainer: Trainer) -> None:
        """Keep what was taken."""
        memory = self.memory.setdefault(member.folder, {})
        for taken in rows.taken:
            if taken.error is not None:
                if rows.stop_reason == "diverged" and taken.step == rows.steps[-1]:
                    continue  # of weights that aren't finite
                raise taken.error
            if taken.measure in self.measures:
                values: Mapping[str, Any] = taken.values
                if self.measures[taken.measure].columns():  # thousands of tensors take seconds
                    values = {key: value.item() for key, value in values.items()}
                memory.setdefault(taken.measure, []).append([taken.step, values])

    def finish(self, member: Member, record: Record) -> None:
        """Write the files, and add to the record.

        A checkpoint may have brought what another measure gave: one that is taken no more, or that
        has the name of one that is.
        """
        series: list[pd.Series] = []
        for name, measure in self.measures.items():
            taken = self.memory[member.folder].get(name, [])
            if not taken:
                continue
            columns = measure.columns()
            own = dict.fromkeys(columns, ()) or _shapes(taken[-1][1])
            taken = [[step, values] for step, values in taken if _shapes(values) == own]
            if not taken:
                continue
            steps = [step for step, _ in taken]
            values: dict[str, Any] = {
                key: np.stack([np.asarray(v[key]) for _, v in taken]) for key in own
            }
            if not columns:
                path = member.folder / f"{name}.npz"
                with atomic_path(path) as temporary, temporary.open("wb") as file:
                    np.savez_compressed(file, **values, steps=np.array(steps))
                continue
            for column, better in columns.items():
                series.append(pd.Series(values[column], index=steps, name=column))
                _enter(record, column, better, values[column])
        if series:
            table = pd.concat(series, axis=1).sort_index().rename_axis("step")
            with atomic_path(member.folder / MEASURES) as temporary:
                table.to_csv(temporary, float_format="%.8g")


def _shapes(values: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {key: np.shape(value) for key, value in values.items()}


def _enter(record: Record, column: str, better: str | None, values: np.ndarray[Any, Any]) -> None:
    """Add a column's last and best values to the record."""
    record.columns[column] = better
    record.final[column] = float(values[-1])
    finite = values[np.isfinite(values)]
    if better is not None and len(finite):
        record.best[column] = float(finite.max() if better == HIGHER else finite.min())
