import pytest

from grok.analysis.numbers.labels import (
    axis_label,
    panel_title,
    tick_positions,
    tick_texts,
)
from grok.record.meaning import EARLIER_ROLES


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([101, 102], ["101", "102"]),
        ([0.0, 0.5, 10.0], ["0", "0.5", "10"]),
        ([100.0, 101.0], ["100", "101"]),
        ([10.0, 12.5, 15.0], ["10", "12.5", "15"]),
        ([0.105, 0.125, 10**-0.25], ["0.105", "0.125", "0.56"]),
        ([1e-5, 1.412538e-5, 0.001, 0.01], ["1e-5", "1.4e-5", "1e-3", "0.01"]),
        ([0.01412, 0.01413], ["0.01412", "0.01413"]),
        ([1.23456e-5, 1.23457e-5], ["1.23456e-5", "1.23457e-5"]),
        ([1e5, 1e9], ["1e5", "1e9"]),
        ([3.98107e-5, 0.00501187], ["4e-5", "5e-3"]),
        (["relu", "tanh"], ["relu", "tanh"]),
    ],
)
def test_tick_texts_are_short_and_distinct(values, expected):
    assert tick_texts(values) == expected


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [
        (3, 7, [0, 1, 2]),
        (21, 7, [0, 4, 8, 12, 16, 20]),
        (21, 5, [0, 5, 10, 15, 20]),
        (10, 7, [0, 3, 6, 9]),
        (14, 7, [0, 3, 6, 9, 12]),
        (1, 5, [0]),
    ],
)
def test_tick_positions_are_few_and_even(count, most, expected):
    assert tick_positions(count, most) == expected


def test_known_keys_are_named():
    assert axis_label("opt.lr_dec", EARLIER_ROLES) == "decoder learning rate (opt.lr_dec)"
    assert axis_label("model.depth", EARLIER_ROLES) == "model.depth"
    assert panel_title({"data": 41, "rate": 1e-5}) == "data=41\nrate=1e-5"
