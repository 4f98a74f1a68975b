import numpy as np
import pytest

from grok.analysis.numbers.fits import power_law


def test_an_exact_law():
    x = np.array([0.01, 0.1, 1, 10])
    law = power_law(x, 300 / x)
    assert (law.slope, law.prefactor, law.points) == (pytest.approx(-1), pytest.approx(300), 4)
    assert law.high - law.low == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(law([0.5, 2]), [600, 150])


def test_the_interval_is_students():
    """Three points at logarithms 0, 1, 2 with residuals e, -2e, e: by hand."""
    e = 0.01
    law = power_law(np.exp([0, 1, 2]), np.exp(np.array([0, 1, 2]) + np.array([e, -2 * e, e])))
    assert law.slope == pytest.approx(1)
    margin = 12.7062047 * np.sqrt(6 * e**2 / 1) / np.sqrt(2)
    assert (law.high - law.low) / 2 == pytest.approx(margin, rel=1e-6)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    random = np.random.default_rng(0)
    x = np.geomspace(0.01, 1, 8)
    held = 0
    for _ in range(1000):
        law = power_law(x, 50 * x**-0.7 * np.exp(random.normal(0, 0.2, 8)))
        held += law.low <= -0.7 <= law.high
    assert 930 <= held <= 970


def test_points_that_have_no_logarithm_are_left_out():
    law = power_law([0, 1, 2, 4, 8], [9, 8, 4, 2, np.nan])
    assert (law.slope, law.points) == (pytest.approx(-1), 3)
    assert power_law([0, 1, 2], [1, 2, 3]) is None
    assert power_law([0, 0, 0], [1, 2, 3]) is None
    assert power_law([1, 2, 4], [0, 0, 0]) is None
    assert power_law([1, 1, 1], [1, 2, 3]) is None


def test_groups_have_one_slope_and_prefactors_of_their_own():
    x = np.array([0.1, 1, 10, 0.1, 1])
    y = np.array([3000, 300, 30, 12_000, 1200])
    law = power_law(x, y, groups=["a", "a", "a", "b", "b"])
    assert (law.slope, law.prefactor, law.points) == (pytest.approx(-1), pytest.approx(600), 5)
    assert law.high - law.low == pytest.approx(0, abs=1e-6)
    assert power_law(x, y).high > -0.9  # one line for all misses both
    assert power_law(x[:3], y[:3], groups=["a", "b", "c"]) is None


def test_the_interval_of_groups_counts_their_prefactors():
    """Two groups of three points with residuals e, -2e, e each, so three degrees are free."""
    e, x = 0.01, np.exp([0, 1, 2])
    y = np.concatenate([x * np.exp(np.array([e, -2 * e, e]) + shift) for shift in (0, 5)])
    law = power_law(np.tile(x, 2), y, groups=[0, 0, 0, 1, 1, 1])
    assert law.slope == pytest.approx(1)
    margin = 3.18244631 * np.sqrt(12 * e**2 / 3) / np.sqrt(4)
    assert (law.high - law.low) / 2 == pytest.approx(margin, rel=1e-6)
