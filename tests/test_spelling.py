"""Values of Python come back from Hydra exactly."""

import math

import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from grok.spelling import axis


def read_back(word):
    """What Hydra makes of a word that sweeps, through the words of its jobs."""
    parser = OverridesParser.create()
    (override,) = parser.parse_overrides([word])
    assert override.is_sweep_override()
    jobs = [f"{override.key_or_group}={value}" for value in override.sweep_string_iterator()]
    return [job.value() for job in parser.parse_overrides(jobs)]


@pytest.mark.parametrize(
    "values",
    [
        [0.1, 1 / 3, 1e-300, 5e-324, -math.inf, 1e22],
        [3],
        [0, -7, 10**18],
        ["a,b", "it's", 'say "so"', "true", "NULL", "1e-3", "7", "", " x ", "back\\", "a=b", "é"],
        ["toy_regression", "re_tug/fig1_regression", "a.b-c"],
        [None, True, False],
        [[0.9, 0.98], [0.9, 0.999]],
        [[], ["a,b", None], [[1], [2.5]]],
        [{"a": 1, "b": "x,y"}],
    ],
)
def test_values_are_exact(values):
    found = read_back(axis("key", values))
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


def test_other_kinds_of_numbers_and_lists():
    rates = np.logspace(-5, -2, 4)
    assert read_back(axis("key", rates)) == rates.tolist()
    assert read_back(axis("key", [np.float32(0.1), np.int64(3), np.bool_(True)])) == [
        float(np.float32(0.1)), 3, True,
    ]  # fmt: skip
    assert read_back(axis("key", range(3))) == [0, 1, 2]
    assert read_back(axis("key", (value for value in (1, 2)))) == [1, 2]
    assert read_back(axis("key", pd.Series([0.5, 0.25]))) == [0.5, 0.25]
    (nan,) = read_back(axis("key", [math.nan]))
    assert math.isnan(nan)
