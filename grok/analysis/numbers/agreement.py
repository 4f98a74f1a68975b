"""How far two sweeps agree, or a sweep and a published grid: ``analyze.py A --compare B``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from grok.analysis.numbers.labels import PHASES, TIME_NAMES, number
from grok.analysis.numbers.matching import EQUAL, REPEATED, UNDECIDED, Match, implied_in
from grok.analysis.numbers.repeats import repeats
from grok.analysis.read import published
from grok.analysis.read.sweep import TIMES, Sweep

CLOSE = 0.05


@dataclass(frozen=True)
class Share:
    """`count` of `of`, as a share with its 95 % confidence interval (Wilson's score interval)."""

    count: int
    of: int

    @property
    def value(self) -> float:
        """Between 0 and 1."""
        return self.count / self.of

    @property
    def interval(self) -> tuple[float, float]:
        """Its ends, between 0 and 1."""
        found = stats.binomtest(self.count, self.of).proportion_ci(method="wilson")
        return float(found.low), float(found.high)


def equal_share(cells: pd.DataFrame) -> Share | None:
    """The decided cells of equal phase; None where none is decided."""
    decided = cells[cells["verdict"] != UNDECIDED]
    return Share(int((decided["verdict"] == EQUAL).sum()), len(decided)) if len(decided) else None


def confusion(cells: pd.DataFrame) -> pd.DataFrame:
    """Numbers of cells by phase in A (rows, the undecided last) and in B (columns)."""
    rows = cells["phase_a"].where(cells["verdict"] != UNDECIDED, UNDECIDED)
    counts = pd.crosstab(rows, cells["phase_b"])
    return counts.reindex(index=[*PHASES, UNDECIDED], columns=PHASES, fill_value=0)


def kappa(counts: pd.DataFrame) -> float:
    """Cohen's kappa of a square table of counts: (p_o - p_e) / (1 - p_e).

    p_o is the share on the diagonal, p_e the share that independent rows and columns of the same
    totals would have there. 1 is full agreement, 0 what chance gives; NaN where chance alone
    agrees fully (one phase only) or nothing was counted. Source: Cohen, Educational and
    Psychological Measurement 20 (1960) 37.
    """
    table = counts.to_numpy(dtype="float64")
    total = table.sum()
    if total == 0:
        return float("nan")
    observed = np.trace(table) / total
    chance = float(table.sum(axis=0) @ table.sum(axis=1)) / total**2
    return float((observed - chance) / (1 - chance)) if chance < 1 else float("nan")


def ratios(cells: pd.DataFrame) -> pd.DataFrame:
    """Of log10 of A over B, for T_train and T_val (rows): over the cells where both are known.

    Columns: ``cells``, ``median``, ``5 %`` and ``95 %`` quantile, ``within`` (how many times are
    within 5 % of each other).
    """
    rows = {}
    for time in TIMES:
        logs = cells[f"log10_{time}"].dropna()
        rows[time] = {
            "cells": len(logs),
            "median": logs.median(),
            "5 %": logs.quantile(0.05),
            "95 %": logs.quantile(0.95),
            "within": int((logs.abs() <= np.log10(1 + CLOSE)).sum()),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def agreement_text(match: Match) -> str:
    """The agreement in a few aligned lines."""
    cells = match.cells
    lines = [_fact("A", match.a.folder), _fact("B", f"{match.b.folder}{_title(match.b)}")]
    lines += [_fact("matched", _matched(match)), *_remarks(match)]
    lines += _shares(match)
    if equal_share(cells) is not None:
        lines.append(_fact("kappa", _kappa(confusion(cells).loc[PHASES])))
    lines += _repeat_lines(match)
    undecided = int((cells["verdict"] == UNDECIDED).sum())
    if undecided:
        budget = cells["budget"].max()
        lines.append(_fact("undecided", f"{undecided} not through after {budget} steps"))
    lines += _confusion_lines(confusion(cells))
    if match.b.timed:
        lines += _ratio_lines(ratios(cells))
    return "\n".join(lines)


def _shares(match: Match) -> list[str]:
    """How many are equal; where some are implied, how many of those and of the trained as well.

    The interval is of cells that know nothing of each other, which repeats of one and implied ones
    aren't.
    """
    cells = match.cells
    repeated = bool(match.free_a or match.free_b or REPEATED in match.keys)
    parts, implied = {"equal": cells}, implied_in(cells, "a") | implied_in(cells, "b")
    if implied.any():
        parts |= {"  trained": cells[~implied], "  implied": cells[implied]}
    lines = []
    for name, part in parts.items():
        if share := equal_share(part):
            low, high = share.interval
            counts = _fact(name, f"{share.count} of {share.of}, {share.value:.1%}")
            alone = not repeated and (name == "  trained" or not implied.any())
            lines.append(counts + f" (95 % interval {low:.1%} to {high:.1%})" * alone)
    return lines


def _repeat_lines(match: Match) -> list[str]:
    """How far A agrees with itself: no more can be hoped for."""
    if (found := repeats(match)) is None:
        return []
    alike = f"two agree in {found.alike:.1%}, one and B in {found.as_b:.1%}"
    sure = f"{found.certain} cells, of which {found.certain_as_b} have B's phase"
    return [
        _fact("repeats", f"{found.cells} cells {found.times} times over {REPEATED}: {alike}"),
        _fact("  all alike", sure),
    ]


def _fact(name: str, value: object) -> str:
    return f"{name:<16}{value}"


def _title(sweep: Sweep) -> str:
    fact = published.facts().get(str(sweep.folder))
    return f" ({fact['title']})" if fact else ""


def _matched(match: Match) -> str:
    """``36 cells of 36 in A and 441 in B at 20000 steps``, and what settings count."""
    cells = match.cells
    budgets = " to ".join(
        str(steps) for steps in sorted({cells["budget"].min(), cells["budget"].max()})
    )
    lengths = [len(sweep.known) for sweep in (match.a, match.b)]
    return f"{len(cells)} cells of {lengths[0]} in A and {lengths[1]} in B, at {budgets} steps"


def _remarks(match: Match) -> list[str]:
    """What to know before believing the numbers."""
    lines = []
    for key in match.keys:
        fixed = [sweep for sweep in (match.a, match.b) if key not in sweep.keys]
        if fixed:
            lines.append(_fact("only", f"{key}={number(fixed[0].constants[key])}"))
    for keys, name in ((match.free_a, "A"), (match.free_b, "B")):
        if keys:
            settings = len(match.cells[keys].drop_duplicates())
            distinct = len(match.cells[match.keys].drop_duplicates()) if match.keys else 1
            lines.append(
                _fact("all of", f"{', '.join(keys)} in {name}: {distinct} cells x {settings}")
            )
    for key, (here, there) in match.differing.items():
        lines.append(_fact("not the same", f"{key}: {number(here)} in A, {number(there)} in B"))
    return lines


def _kappa(counts: pd.DataFrame) -> str:
    found = kappa(counts)
    return "undefined, both have the same phase only" if np.isnan(found) else f"{found:.3f}"


def _confusion_lines(counts: pd.DataFrame) -> list[str]:
    """A row a phase in A, a column a phase in B; the undecided only where there are."""
    shown = counts if counts.loc[UNDECIDED].any() else counts.loc[PHASES]
    head = f"{'A (down) and B':<16}" + "".join(f"{name:>14}" for name in shown)
    rows = [
        f"{name:<16}" + "".join(f"{count:>14}" for count in row)
        for name, row in zip(shown.index, shown.to_numpy(), strict=True)
    ]
    return [head, *rows]


def _ratio_lines(found: pd.DataFrame) -> list[str]:
    columns = ("median", "5 %", "95 %")
    lines = [
        f"{'log10 of A / B':<16}" + "".join(f"{name:>10}" for name in columns) + "  within 5 %"
    ]
    for time, row in found.iterrows():
        name = TIME_NAMES[str(time)]
        values = "".join(f"{row[column]:>+10.4f}" for column in columns)
        close = f"{row['within']:.0f} of {row['cells']:.0f} cells"
        lines.append(f"{name:<16}{values if row['cells'] else '':<30}  {close}")
    return lines
