"""What all tasks have from their class: steps in order, ends of epochs, fields that can be keys."""

import dataclasses

import numpy as np
import pytest

from grok.tasks.task import epoch_ends, in_order
from tests.tasks.examples import FixedTensors


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        (range(2, 10**12, 3), range(2, 10**12, 3)),
        (range(6, 0, -3), range(3, 7, 3)),
        (np.array([9, 3, 9]), [3, 9]),
        ((5, 1), [1, 5]),
    ],
)
def test_steps_are_put_in_order(given, expected):
    assert in_order(given) == expected


@pytest.mark.parametrize("every", [1, 4, 5, 7, 10, 12, 100])
def test_ends_of_epochs(every):
    """The first after each so many steps: the rule of the lists that they stand for."""
    for budget in range(3, 60):
        steps = {-(-step // 5) * 5 for step in range(every, budget + 1, every)}
        listed = sorted(step for step in steps if step <= budget) or [budget]
        ends = epoch_ends(every, 50, 10, budget)
        assert [*ends] == listed
        assert ends[1:3] == listed[1:3]
        assert ends[-1] == listed[-1]


def test_lists_from_yaml_are_made_tuples():
    task = FixedTensors(widths=[1, [2, 3]])
    assert task.widths == (1, (2, 3))
    assert hash(task) == hash(FixedTensors(widths=(1, (2, 3))))
    assert dataclasses.replace(task, threshold=2.0).shared() == task.shared()
