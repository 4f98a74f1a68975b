"""How far a sweep agrees with its own repeats."""

from types import SimpleNamespace

import pandas as pd
import pytest

from grok.analysis.numbers.agreement import _repeat_lines
from grok.analysis.numbers.matching import REPEATED
from grok.analysis.numbers.repeats import Repeats, repeats

PHASES = {"c": "comprehension", "g": "grokking", "m": "memorization"}


def matched(cells):
    """Cells by the phases of A's repeats and, behind a slash, B's phase."""
    rows = []
    for lr, phases in enumerate(cells):
        here, there = phases.split("/")
        for perturb, phase in enumerate(here):
            verdict = "equal" if phase == there else "different"
            rows.append((lr, perturb, PHASES[phase], PHASES[there], verdict))
    columns = ["opt.lr_dec", REPEATED, "phase_a", "phase_b", "verdict"]
    a = SimpleNamespace(keys=["opt.lr_dec", REPEATED])
    cells = pd.DataFrame(rows, columns=columns)
    return SimpleNamespace(a=a, keys=["opt.lr_dec"], free_a=[REPEATED], free_b=[], cells=cells)


def test_pairs_by_hand():
    """Of three repeats, 3, 1 and 0 of 3 pairs are alike; 3, 2 and 1 of 3 are as in B."""
    found = repeats(matched(["ccc/c", "cgg/g", "cgm/m"]))
    assert found == Repeats(3, 3, pytest.approx(4 / 9), pytest.approx(2 / 3), 1, 1)


def test_certain_and_wrong():
    found = repeats(matched(["cc/g", "gg/g", "cg/c"]))
    assert (found.certain, found.certain_as_b) == (2, 1)
    assert found.alike == pytest.approx(2 / 3)


def test_cells_without_all_their_repeats_do_not_count():
    match = matched(["ccc/c", "cg/g", "ggg/c"])
    match.cells.loc[match.cells.index[-1], "verdict"] = "undecided"
    assert repeats(match) == Repeats(1, 3, 1.0, 1.0, 1, 1)


def test_implied_cells_do_not_count():
    """They are of one phase by construction."""
    match = matched(["cg/c", "gg/g"])
    match.cells["implied_a"] = match.cells["opt.lr_dec"] == 1
    assert repeats(match).cells == 1
    assert repeats(match).alike == 0


def test_certain_is_as_b_where_all_are():
    """B's own repeats may differ."""
    match = matched(["cc/c"])
    match.cells.loc[1, "verdict"] = "different"
    assert (repeats(match).certain, repeats(match).certain_as_b) == (1, 0)


def test_nothing_where_nothing_is_repeated():
    match = matched(["c/c", "g/g"])
    assert repeats(match) is None
    match.a.keys.remove(REPEATED)
    assert repeats(match) is None
    assert _repeat_lines(match) == []


def test_lines():
    assert _repeat_lines(matched(["ccc/c", "cgg/g", "cgm/m"])) == [
        "repeats         3 cells 3 times over seed.perturb: two agree in 44.4%, one and B in 66.7%",
        "  all alike     1 cells, of which 1 have B's phase",
    ]
