"""Coarse to fine: an order of the cells in which the picture sharpens like an interlaced image."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any


def level(index: int, values: int) -> int:
    """How late place `index` of an axis with so many values comes; 0 is the coarsest.

    Level 0 holds the multiples of the largest power of two below `values`, level 1 those of its
    half, and so on.
    """
    stride, depth = 1, 0
    while 2 * stride < values:
        stride *= 2
    while index % stride:
        stride //= 2
        depth += 1
    return depth


def coarse_to_fine(settings: Sequence[Mapping[str, Any]], first: int = 0) -> list[int]:
    """Job numbers in an order in which those done at any moment cover the whole plane.

    Args:
        settings: of each job, key to value, the same keys for all.
        first: number of the first job.
    """
    late = lateness(settings)
    return sorted(range(first, first + len(settings)), key=lambda number: late[number - first])


def lateness(settings: Sequence[Mapping[str, Any]]) -> list[int]:
    """Of each job the highest `level` of its values."""
    axes: dict[str, dict[str, int]] = {}  # key to value to its place on the axis
    for job in settings:
        for key, value in job.items():
            axis = axes.setdefault(key, {})
            axis.setdefault(json.dumps(value), len(axis))
    return [
        max(
            (level(axes[key][json.dumps(value)], len(axes[key])) for key, value in job.items()),
            default=0,
        )
        for job in settings
    ]


def waves(group: Sequence[int], late: Sequence[int]) -> list[list[int]]:
    """Jobs that can train together, divided by `lateness`, so that others have their turns."""
    ranked = sorted(group, key=late.__getitem__)
    return [list(wave) for _, wave in itertools.groupby(ranked, late.__getitem__)]
