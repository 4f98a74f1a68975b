import itertools

import pytest

from grok.launch.order import coarse_to_fine, lateness, level, waves


def test_levels_of_an_axis():
    assert [level(i, 9) for i in range(9)] == [0, 3, 2, 3, 1, 3, 2, 3, 0]
    assert [level(i, 4) for i in range(4)] == [0, 1, 0, 1]
    assert level(0, 1) == 0


def grid(rows, columns):
    return [{"a": a, "b": b} for a in range(rows) for b in range(columns)]


def test_every_job_comes_once():
    order = coarse_to_fine(grid(21, 21), first=100)
    assert sorted(order) == list(range(100, 541))


@pytest.mark.parametrize(("done", "gap"), [(4, 16), (9, 8), (36, 4), (121, 2), (441, 1)])
def test_what_is_done_covers_the_plane(done, gap):
    """No cell is further than `gap` - 1 places, along either axis, from one that is done."""
    cells = grid(21, 21)
    finished = [tuple(cells[job].values()) for job in coarse_to_fine(cells)[:done]]
    for cell in itertools.product(range(21), repeat=2):
        nearest = min(
            max(abs(a - c) for a, c in zip(cell, other, strict=True)) for other in finished
        )
        assert nearest < gap


def test_jobs_without_settings_keep_their_order():
    assert coarse_to_fine([{}, {}, {}]) == [0, 1, 2]


def test_structures_take_turns_from_coarse_to_fine():
    """Each value of `a` is a structure: none is finished before all have been begun."""
    cells = grid(3, 5)
    groups = [[job for job, cell in enumerate(cells) if cell["a"] == a] for a in range(3)]
    assert [waves(group, lateness(cells)) for group in groups] == [
        [[0, 4], [2], [1, 3]],
        [[5, 7, 9], [6, 8]],
        [[10, 14], [12], [11, 13]],
    ]
