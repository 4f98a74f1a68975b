import numpy as np
import pandas as pd
import pytest

from grok.analysis.numbers import scales


@pytest.mark.parametrize(
    ("values", "better", "expected"),
    [
        ([1, 101], None, True),
        ([1, 100], None, False),
        ([1, 101], "lower", True),
        ([0.001, 1], "higher", False),
        ([0, 1, 1000], "lower", True),
        ([-1, 1, 1000], None, False),
        ([0, 0], None, False),
        ([np.nan, np.inf, 1], None, False),
        ([], None, False),
    ],
)
def test_which_numbers_are_read_on_a_logarithmic_scale(values, better, expected):
    assert scales.logarithmic(pd.Series(values, dtype="float64"), better) is expected


def test_the_ends_of_losses_on_a_logarithmic_scale():
    assert scales.loss_limits([0.0, 0.5, 2.0, np.nan, np.inf]) == (0.5, 2)
    assert scales.loss_limits([[3.0]]) == pytest.approx((3, 3.003))
    assert scales.loss_limits([0.0, np.nan]) == (1, 10)
