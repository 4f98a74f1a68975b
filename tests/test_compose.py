"""What the axes of a sweep expand to."""

from grok import compose


def test_axes_are_exact_where_they_can_be():
    assert compose._logspace(-5, -2, 4) == "1e-05,0.0001,0.001,0.01"
    assert compose._linspace(0, 10, 3) == "0.0,5.0,10.0"
