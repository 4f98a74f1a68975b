"""Planes of reduced losses and their boundary."""

from dataclasses import replace

import numpy as np
import pytest

from grok.analysis.numbers.reduced import planes
from grok.analysis.read.table import read_sweep
from tests.analysis.special_sweeps import EDGE, MESSINESS, SCALES, STEEP, TURN, losses


def test_a_plane_of_the_sweep(slope):
    (plane,) = planes(read_sweep(slope()))
    assert (plane.key, plane.name) == ("task.messiness", "messiness")
    np.testing.assert_allclose(plane.norms, 10 * SCALES)
    np.testing.assert_allclose(plane.values, MESSINESS)
    expected = [[losses(norm, m)["train_loss"] for norm in plane.norms] for m in MESSINESS]
    np.testing.assert_allclose(plane.train, expected)
    norm, m = plane.best
    assert m == 0
    assert norm == plane.norms[np.argmin([losses(norm, 0)["val_loss"] for norm in plane.norms])]


def test_the_boundary_is_between_cells(slope):
    (plane,) = planes(read_sweep(slope()))
    np.testing.assert_allclose(plane.boundary(), np.exp(EDGE + TURN * MESSINESS))
    assert np.isnan(plane.boundary(1e-20)).all()
    higher = np.exp(EDGE + TURN * MESSINESS - np.log(2) / STEEP)
    np.testing.assert_allclose(plane.boundary(0.1), higher)


@pytest.mark.parametrize(
    ("losses", "norm"),
    [
        ([0.01, 0.01, 0.01, 0.01], 10),
        ([0.01, 0.2, 0.2, 0.01], 10),
        ([0.2, np.nan, 0.01, 0.01], np.nan),
        ([0.2, np.nan, 0.2, 0.01], 40 * 2 ** (np.log(4) / np.log(20))),
        ([np.nan, 0.01, 0.01, 0.01], np.nan),
    ],
)
def test_the_boundary_of_rows_that_fit_at_once_or_have_gaps(slope, losses, norm):
    """What lies in a gap nobody knows; and the least norm that fits may be the least there is."""
    (plane,) = planes(read_sweep(slope()))
    norms = np.array([10.0, 20.0, 40.0, 80.0])
    plane = replace(plane, norms=norms, values=np.zeros(1), train=np.array([losses]))
    np.testing.assert_allclose(plane.boundary(), [norm])


def test_a_norm_of_zero_has_no_place(slope):
    (plane,) = planes(read_sweep(slope(alphas=(0.0, 1.0, 2.0, 4.0))))
    np.testing.assert_allclose(plane.norms, [10, 20, 40])


def test_planes_of_no_second_key(slope):
    assert planes(read_sweep(slope(messiness=(0.1,)))) == []


def test_a_norm_that_the_second_key_changes_makes_no_plane(slope, tmp_path):
    sweep = read_sweep(slope())
    for record in sweep.records.values():
        record.weight_norm["initial"] *= 1 + record.overrides["task.messiness"]
    assert planes(sweep) == []
    for record in sweep.records.values():  # but what was held is the same
        record.weight_norm["held"] = 5 * record.overrides["task.init_scale"]
    np.testing.assert_allclose(planes(sweep)[0].norms, 5 * SCALES)


def test_a_loss_of_zero_is_beyond_the_boundary(slope):
    (plane,) = planes(read_sweep(slope()))
    plane.train[:] = np.where(plane.norms < 40, 1.0, 0.0)
    assert (plane.boundary() > plane.norms[plane.norms < 40].max()).all()
    assert (plane.boundary() < 40.1).all()
