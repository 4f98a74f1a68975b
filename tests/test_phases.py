import pytest

from grok.phases import Phase, classify, smooth_value

BUDGET = 100_000


@pytest.mark.parametrize(
    ("t_train", "t_val", "phase"),
    [
        (500, 900, "comprehension"),
        (500, 1499, "comprehension"),  # a delay of 999
        (500, 1500, "grokking"),  # a delay of exactly 1000
        (500, 90_000, "grokking"),
        (900, 500, "comprehension"),  # a negative delay
        (5000, 500, "comprehension"),
        (500, None, "memorization"),
        (BUDGET, None, "memorization"),
        (None, None, "confusion"),
        (None, 500, "confusion"),  # validation only
        (BUDGET + 1, 500, "confusion"),
        (500, BUDGET, "grokking"),
        (500, BUDGET + 1, "memorization"),
        (1, 1, "comprehension"),
    ],
)
def test_table_1(t_train, t_val, phase):
    assert classify(t_train, t_val, BUDGET) == phase


def test_grokking_gap_is_a_setting():
    assert classify(10, 60, 100, grokking_gap=50) is Phase.GROKKING
    assert classify(10, 59, 100, grokking_gap=50) is Phase.COMPREHENSION


@pytest.mark.parametrize(
    ("phase", "t_train", "t_val", "value"),
    [
        (Phase.COMPREHENSION, 500, 900, 400),
        (Phase.COMPREHENSION, 900, 500, -400),
        (Phase.GROKKING, 500, 1500, 1000),
        (Phase.MEMORIZATION, 500, None, 500),
        (Phase.CONFUSION, None, 700, BUDGET),
        (Phase.CONFUSION, None, None, BUDGET),
    ],
)
def test_smooth_value(phase, t_train, t_val, value):
    assert smooth_value(phase, t_train, t_val, BUDGET) == value


def test_which_phases_generalise():
    assert [phase.generalises for phase in Phase] == [True, True, False, False]
