import numpy as np
import pandas as pd
import pytest

from grok.analysis.numbers import measures
from grok.analysis.read.table import read_sweep


def test_only_finite_values_after_the_initialisation(tmp_path, add_member, add_measures):
    add_measures(add_member(0), a={0: 1.0, 3: np.inf, 4: 2.0}, b={0: 1.0}, c={5: 0.0})
    found = measures.of_member(read_sweep(tmp_path), 0)
    assert {name: values.to_dict() for name, values in found.items()} == {
        "a": {4: 2}, "c": {5: 0}
    }  # fmt: skip
    (tmp_path / "0" / "measures.csv").unlink()
    assert measures.of_member(read_sweep(tmp_path), 0) == {}


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
    assert measures.logarithmic(pd.Series(values, dtype="float64"), better) is expected
