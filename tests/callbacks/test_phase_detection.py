"""T_train, T_val and the end of a member, on hand-made accuracies."""

import dataclasses

import numpy as np
import pytest

from grok.callbacks import PhaseDetection
from grok.engine import Rows
from grok.engine.observer import Taken


def rows(train, val, first_step=1, loss=None):
    n = len(train)
    metrics = {
        "train_loss": np.asarray(loss if loss is not None else np.ones(n), dtype=float),
        "train_accuracy": np.asarray(train, dtype=float),
        "val_loss": np.ones(n),
        "val_accuracy": np.asarray(val, dtype=float),
        "weight_norm": np.ones(n),
    }
    taken = [Taken("w", 0, first_step + i, {}) for i in range(n)]
    return Rows(first_step, metrics, 1.0, taken)


def observed(member, *parts):
    detection = PhaseDetection()
    for part in parts:
        detection.observe(member, part, None)
    return parts[-1]


def test_first_steps_count_from_one_and_end_the_member(make_member):
    seen = observed(make_member(), rows([0.5, 0.95, 0.2, 1.0], [0.0, 0.0, 0.9, 0.9]))
    assert (seen.t_train, seen.t_val, seen.stop_reason) == (2, 3, "early_stop")
    assert len(seen) == 3
    assert [taken.step for taken in seen.taken] == [1, 2, 3]
    assert seen.steps.tolist() == [1, 2, 3]


def test_thresholds_are_remembered_from_one_call_to_the_next(make_member):
    first, second = rows([0.9] * 4, [0.0] * 4), rows([0.0] * 4, [0.0, 0.0, 1.0, 1.0], first_step=5)
    seen = observed(make_member(), first, second)
    assert first.stop_reason is None
    assert (seen.t_train, seen.t_val, seen.stop_reason) == (1, 7, "early_stop")
    assert len(seen) == 3


@pytest.mark.parametrize(("accuracy", "reached"), [(0.899, True), (0.8989, False), (0.9, True)])
def test_the_threshold_allows_for_rounding(make_member, accuracy, reached):
    seen = observed(make_member(), rows([accuracy], [0.0]))
    assert seen.t_train == (1 if reached else None)


def test_a_strict_threshold_is_not_met_by_itself(make_member):
    """The published threshold of MNIST: over 0.6, of counts of a thousand."""
    strict = dataclasses.replace(make_member().phase, threshold=0.6, tolerance=-1e-9)
    member = dataclasses.replace(make_member(), phase=strict)
    seen = observed(member, rows([600 / 1000, 601 / 1000], [600 / 1000, 600 / 1000]))
    assert (seen.t_train, seen.t_val) == (2, None)


def test_the_budget_is_exact(make_member):
    parts = [rows([0.0] * 50, [0.0] * 50, first_step=1 + 50 * i) for i in range(3)]
    seen = observed(make_member(budget=120), *parts)
    assert (seen.stop_reason, seen.steps[-1], len(seen)) == ("budget", 120, 20)


def test_what_happens_after_the_budget_does_not_count(make_member):
    seen = observed(make_member(budget=3), rows([0.0, 0.0, 0.0, 1.0], [0.0] * 4))
    assert seen.t_train is None
    seen = observed(make_member(budget=4), rows([0.0, 0.0, 0.0, 1.0], [0.0] * 4))
    assert seen.t_train == 4


def test_without_early_stop_a_member_goes_on(make_member):
    seen = observed(make_member(early_stop=False), rows([1.0] * 4, [1.0] * 4))
    assert (seen.t_train, seen.t_val, seen.stop_reason, len(seen)) == (1, 1, None, 4)


def test_a_member_that_diverges_ends_there(make_member):
    loss = [1.0, 2.0, np.nan, np.nan]
    seen = observed(make_member(), rows([0.0, 0.95, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0], loss=loss))
    assert (seen.stop_reason, seen.steps[-1]) == ("diverged", 3)
    assert (seen.t_train, seen.t_val) == (2, None), "an accuracy of a broken network counted"
