"""How far a sweep agrees with its own repeats, which sets how far it can agree with another."""

from __future__ import annotations

from dataclasses import dataclass

from grok.analysis.numbers.matching import EQUAL, REPEATED, UNDECIDED, Match, implied_in


@dataclass(frozen=True)
class Repeats:
    """Of cells that A has several times, over `REPEATED`, all decided and trained.

    Attributes:
        cells: how many.
        times: how often A has each.
        alike: share of all pairs of one cell's repeats that have the same phase, mean over cells.
        as_b: share of the repeats that have B's phase, mean over cells.
        certain: cells with one phase in all repeats.
        certain_as_b: those of them with B's.
    """

    cells: int
    times: int
    alike: float
    as_b: float
    certain: int
    certain_as_b: int


def repeats(match: Match) -> Repeats | None:
    """How far the repeats of A agree with one another; None where no cell has two."""
    if REPEATED not in match.a.keys:
        return None
    others = [key for key in [*match.keys, *match.free_a, *match.free_b] if key != REPEATED]
    cells = match.cells
    decided = cells[(cells["verdict"] != UNDECIDED) & ~implied_in(cells, "a")]
    count = cells[REPEATED].nunique()
    alike, as_b, certain, certain_as_b = [], [], 0, 0
    for _, cell in decided.groupby(others) if others else [((), decided)]:
        if len(cell) < count or count < 2:
            continue
        phases = cell["phase_a"].value_counts()
        alike.append((phases * (phases - 1)).sum() / (count * (count - 1)))
        as_b.append((cell["verdict"] == EQUAL).mean())
        certain += len(phases) == 1
        certain_as_b += len(phases) == 1 and as_b[-1] == 1
    if not alike:
        return None
    found = len(alike)
    return Repeats(found, count, sum(alike) / found, sum(as_b) / found, certain, certain_as_b)
