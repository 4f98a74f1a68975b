"""Which cells of a phase grid are worth training: coarse ones, then those along its boundaries.

Every fourth cell along each axis comes first. A square of theirs whose corners differ in phase is
halved; one whose corners agree isn't needed inside. A cell between corners that differ is trained,
and so is any that touches a cell of another phase than its corners have. All others are *implied*:
of the phase of the corners around them.

A cell is only ever wanted because of phases that are known, and never given up again. So the same
cells are trained in the end, in whatever order they finish.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from grok.record.meaning import is_seed

STRIDE = 4
"""Of the coarse cells, on fine grids too: a larger one saves little more, and misses much more."""
SMALLEST = 2
"""Of a square: it isn't halved, since each cell in it has corners beside it."""

Place = tuple[int, ...]
"""Of a cell: its index along each axis."""
Block = tuple[tuple[int, int], ...]
"""From which index to which it reaches along each axis, both included."""


class Refinement(NamedTuple):
    """What is known of a sweep's jobs, by number.

    Attributes:
        wanted: those that have been trained or are to be.
        implied: the phase of those that aren't needed. Once all that are wanted have finished, it
            has all others; until then some may yet be wanted, and some are in neither.
    """

    wanted: set[int]
    implied: dict[int, str]


def refine(
    jobs: Sequence[Mapping[str, Any]], phases: Mapping[int, str], failed: Collection[int] = ()
) -> Refinement:
    """What to train of a sweep, and what needn't be, as far as is known by now.

    The axes are the two keys of numbers with the most values, seeds excepted; each setting of the
    other keys is a plane of its own, or a line where a single key is an axis. Without one all jobs
    are wanted. Cells that weren't planned, or failed, tell nothing: what they would have told is
    trained.

    Args:
        jobs: of each its swept keys and their values, as in a plan.
        phases: of the jobs that have finished, by number.
        failed: numbers of the jobs that ended without a phase.
    """
    wanted: set[int] = set(phases)
    implied: dict[int, str] = {}
    for plane, sizes in _planes(jobs):
        cells = {place: job for place, job in plane.items() if job in phases or job not in failed}
        known = {place: phases[job] for place, job in cells.items() if job in phases}
        needed, told = _refine_plane(cells, sizes, known)
        wanted |= {cells[place] for place in needed}
        implied |= {cells[place]: phase for place, phase in told.items()}
    return Refinement(wanted, implied)


def _planes(jobs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[dict[Place, int], list[int]]]:
    """The jobs of each plane by their place, and how many values each of its axes has."""
    axes = _axes(jobs)
    planes: dict[str, list[int]] = {}
    for number, job in enumerate(jobs):
        others = {key: value for key, value in job.items() if key not in axes}
        planes.setdefault(json.dumps(others, sort_keys=True), []).append(number)
    for numbers in planes.values():
        places = {number: [float(jobs[number][key]) for key in axes] for number in numbers}
        values = [sorted(set(axis)) for axis in zip(*places.values(), strict=True)]
        index = [{value: i for i, value in enumerate(axis)} for axis in values]
        cells = {
            tuple(axis[value] for axis, value in zip(index, place, strict=True)): number
            for number, place in places.items()
        }
        yield cells, list(map(len, values))


def _axes(jobs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The two keys of numbers with the most values; the earlier ones where they have as many."""
    values = {key: [job[key] for job in jobs] for key in (jobs[0] if jobs else ())}
    rising = [key for key, found in values.items() if all(map(_is_number, found))]
    several = {key: len(set(map(float, values[key]))) for key in rising if not is_seed(key)}
    able = [key for key, count in several.items() if count > 1]
    return sorted(able, key=lambda key: -several[key])[:2]


def _is_number(value: Any) -> bool:
    """Whether it is a finite one, or the text of one, as YAML reads ``1e-3``."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        return math.isfinite(float(value))
    except (ValueError, OverflowError):
        return False


def _refine_plane(
    cells: Mapping[Place, int], sizes: list[int], phases: Mapping[Place, str]
) -> tuple[set[Place], dict[Place, str]]:
    """The cells wanted of a plane, and the phases of those that aren't needed."""
    wanted: set[Place] = set()
    around: dict[Place, set[str]] = {}  # of each cell the phases of what it lies between
    for block, whole in _blocks(cells, sizes, phases):
        wanted.update(product(*block))
        for place in product(*(range(start, end + 1) for start, end in block)) if whole else ():
            ends = set(product(*map(_ends, place, block)))
            if not ends <= cells.keys():
                wanted.add(place)
            elif ends <= phases.keys():
                around.setdefault(place, set()).update(phases[end] for end in ends)
    touched = {place: set(found) for place, found in around.items()}
    for place, phase in phases.items():
        for near in _touching(place):
            if near in touched:
                touched[near].add(phase)
    wanted.update(place for place, found in touched.items() if len(found) > 1)
    rest = around.keys() - wanted - phases.keys()
    return wanted & cells.keys(), {place: min(around[place]) for place in rest & cells.keys()}


def _blocks(
    cells: Mapping[Place, int], sizes: list[int], phases: Mapping[Place, str]
) -> Iterator[tuple[Block, bool]]:
    """The coarse squares, and the halves of those whose corners differ or aren't there.

    With each whether it is settled that it stays whole.
    """
    found: list[Block] = [*product(*map(_coarse, sizes))]
    while found:
        block = found.pop()
        corners = set(product(*block))
        large = any(end - start > SMALLEST for start, end in block)
        differ = len({phases[corner] for corner in corners & phases.keys()}) > 1
        halved = large and (differ or not corners <= cells.keys())
        if halved:
            found += product(*map(_halves, block))
        yield block, not halved and (not large or corners <= phases.keys())


def _coarse(size: int) -> list[tuple[int, int]]:
    """The intervals of an axis of so many values: `STRIDE` long, the last one shorter."""
    starts = range(0, max(1, size - 1), STRIDE)
    return [(start, min(start + STRIDE, size - 1)) for start in starts]


def _halves(interval: tuple[int, int]) -> list[tuple[int, int]]:
    """Both, of an interval that is longer than `SMALLEST`."""
    start, end = interval
    middle = (start + end) // 2
    return [(start, middle), (middle, end)] if end - start > SMALLEST else [interval]


def _ends(index: int, interval: tuple[int, int]) -> tuple[int, ...]:
    """What a cell lies between along an axis: itself at an end, both ends inside."""
    return (index,) if index in interval else interval


def _touching(place: Place) -> Iterator[Place]:
    """The places around one, diagonally as well, and itself."""
    return product(*((index - 1, index, index + 1) for index in place))
