"""Axes as functions on the command line."""

import pytest
from hydra.core.override_parser import overrides_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException

from grok.sweeps import functions


@pytest.fixture
def values(monkeypatch):
    """The values that a word gives its key."""
    monkeypatch.setattr(overrides_parser, "create_functions", overrides_parser.create_functions)
    functions.register()

    def of(word):
        (override,) = OverridesParser.create().parse_overrides([word])
        return list(override.sweep_iterator())

    return of


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("opt.lr_dec=logspace(-4,-2,3)", [1e-4, 1e-3, 1e-2]),
        ("opt.lr_dec=logspace(-4,-3.0,3)", [1e-4, 0.000316228, 1e-3]),
        ("opt.wd_dec=linspace(0,1,4)", [0.0, 0.333333, 0.666667, 1.0]),
        ("opt.wd_dec=sort(linspace(0,1,2),reverse=true)", [1.0, 0.0]),
    ],
)
def test_values_are_rounded(values, word, expected):
    assert values(word) == expected


@pytest.mark.parametrize(
    "call", ["logspace(-4,-2)", "logspace(a,b,3)", "linspace(0,1,0)", "logspace(1e-5,1e-2,4)"]
)
def test_what_is_no_axis(values, call):
    with pytest.raises(OverrideParseException):
        values(f"opt.lr_dec={call}")
