"""Cells of a published figure, trained as a sweep on a GPU and on this machine's CPU."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

from gpu_check import Finding

from grok.composing import compose
from grok.job import make_member, setup
from grok.record.record import Record, read_record
from grok.training import train

RATES = [10 ** (-5 + 0.15 * i) for i in (0, 4, 6, 8, 10, 14)]
DECAYS = [0.0, 1.0, 3.0, 5.0]
BUDGET = 6000
SLOTS = 12
"""Half of the cells take the places of others; then the stack shrinks."""


def cells() -> Iterator[Finding]:
    """Phases and times of cells of all four phases (Re-TUG, Figure 1, right)."""
    every = [[(rate, decay) for decay in DECAYS] for rate in RATES]
    with tempfile.TemporaryDirectory() as folder:
        captured = trained(
            Path(folder, "gpu"),
            [cell for row in every for cell in row],
            BUDGET,
            SLOTS,
            "trainer=gpu",
        )
        rows_of = [
            (Path(folder, f"cpu{i}"), row, BUDGET, len(row), "engine.compile=false")
            for i, row in enumerate(every)
        ]
        processes = min(len(every), max(1, (os.cpu_count() or 1) // 2))
        with get_context("spawn").Pool(processes) as pool:
            rows = pool.starmap(trained, rows_of, chunksize=1)
    reference = [record for row in rows for record in row]
    first = captured[0]
    yield Finding("trained there, compiled", first.device != "cpu" and first.compiled, first.device)
    phases = [record.phase for record in reference]
    counts = ", ".join(f"{phases.count(phase)} {phase}" for phase in sorted(set(phases)))
    pairs = list(zip(captured, reference, strict=True))
    other = [i for i, (one, cpu) in enumerate(pairs) if one.phase != cpu.phase]
    yield Finding("phases = the CPU's", not other, f"{counts}; {_those(other)}")
    for name, times in (
        ("T_train", [(one.t_train, cpu.t_train) for one, cpu in pairs]),
        ("T_val", [(one.t_val, cpu.t_val) for one, cpu in pairs]),
    ):
        reached = [(one, cpu) for one, cpu in times if one and cpu]
        gap = max((abs(one - cpu) for one, cpu in reached), default=0)
        apart = [i for i, pair in enumerate(times) if not _close(*pair)]
        numbers = (
            f"{sum(one == cpu for one, cpu in reached)} of {len(reached)} to the step, "
            f"{gap} steps apart at most, 2 % or 2 steps allowed; {_those(apart)}"
        )
        yield Finding(f"{name} = the CPU's", not apart, numbers)


def trained(
    folder: Path, cells: list[tuple[float, float]], budget: int, slots: int, *settings: str
) -> list[Record]:
    """Records of cells, learning rates and weight decays, trained in so many slots."""
    config = compose("experiment=re_tug/fig1_regression", f"phase.budget={budget}", *settings)
    members = []
    for i, (config.opt.lr_dec, config.opt.wd_dec) in enumerate(cells):
        members.append(make_member(config, folder / str(i), "toy_regression", {}))
    train(members, setup(config), slots)
    return [read_record(member.folder) for member in members]


def _close(one: int | None, other: int | None) -> bool:
    if one is None or other is None:
        return one == other
    return abs(one - other) <= max(2, 0.02 * other)


def _those(cells: list[int]) -> str:
    """Cells by learning rate and weight decay."""
    words = [f"lr {RATES[i // len(DECAYS)]:.2g} wd {DECAYS[i % len(DECAYS)]:g}" for i in cells]
    return f"{len(cells)} differ" + (f" ({', '.join(words)})" if words else "")
