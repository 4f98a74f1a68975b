"""The four phases of training and the values of the smooth diagram: pure functions.

Source: Re-TUG ("[Re] Towards Understanding Grokking"), Table 1 and section 4.2.
"""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """How a training run went (Re-TUG, Table 1)."""

    COMPREHENSION = "comprehension"
    GROKKING = "grokking"
    MEMORIZATION = "memorization"
    CONFUSION = "confusion"

    @property
    def generalises(self) -> bool:
        """Whether both accuracies reached the threshold."""
        return self in (Phase.COMPREHENSION, Phase.GROKKING)


def classify(
    t_train: int | None, t_val: int | None, budget: int, grokking_gap: int = 1000
) -> Phase:
    """The phase of a run (Re-TUG, Table 1).

    A run that fits validation but never training is confusion; one whose validation comes
    first (a negative delay) is comprehension. A delay of exactly `grokking_gap` is grokking.

    Args:
        t_train: first optimizer step (from 1) at the train threshold; None if never reached.
        t_val: the same for validation.
        budget: steps after which a threshold counts as not reached. A run of a longer budget
            can so be classified at a shorter one.
        grokking_gap: steps from `t_train` to `t_val` from which generalisation is delayed.
    """
    if t_train is None or t_train > budget:
        return Phase.CONFUSION
    if t_val is None or t_val > budget:
        return Phase.MEMORIZATION
    return Phase.GROKKING if t_val - t_train >= grokking_gap else Phase.COMPREHENSION


def smooth_value(phase: Phase, t_train: int | None, t_val: int | None, budget: int) -> int:
    """The steps that the smooth diagram colours (Re-TUG, section 4.2).

    T_val - T_train where the run generalises, T_train where it memorises, the budget where it
    is confused.
    """
    if phase.generalises and t_train is not None and t_val is not None:
        return t_val - t_train
    if phase is Phase.MEMORIZATION and t_train is not None:
        return t_train
    return budget
