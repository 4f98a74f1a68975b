"""Maps of planes of reduced losses, and their boundaries."""

import numpy as np

from grok.analysis.pictures import plane_maps
from grok.analysis.pictures.palette import SAFE
from grok.analysis.read.table import read_sweep
from tests.analysis.special_sweeps import EDGE, MESSINESS, SCALES, STEEP, TURN


def test_the_maps(slope):
    figure = plane_maps.draw_planes(read_sweep(slope()), SAFE)
    train, test = figure.axes[:2]
    (boundary, star) = train.lines
    np.testing.assert_allclose(boundary.get_xdata(), np.exp(EDGE + TURN * MESSINESS))
    assert star.get_ydata()[0] == 0
    (arrows,) = [artist for artist in train.collections if hasattr(artist, "U")]
    assert (arrows.U > 0).all()  # to larger norms
    assert (arrows.V < 0).all()  # and less mess
    assert test.get_xscale() == "log"
    figure.draw_without_rendering()


def test_maps_of_few_cells_of_which_one_is_missing(slope):
    """No arrows, and a gap."""
    figure = plane_maps.draw_planes(read_sweep(slope(SCALES[:2], MESSINESS[:2], missing=1)), SAFE)
    (image,) = figure.axes[0].collections
    assert np.ma.getmaskarray(image.get_array()).tolist() == [[False, True], [False, False]]
    figure.draw_without_rendering()


def test_cells_lie_around_their_norms(slope):
    """On the logarithmic scale, however far apart."""
    figure = plane_maps.draw_planes(read_sweep(slope(alphas=(0.1, 1.0, 10.0))), SAFE)
    corners = figure.axes[0].collections[0].get_coordinates()[0, :, 0]
    np.testing.assert_allclose(corners, 10.0 ** np.array([-0.5, 0.5, 1.5, 2.5]))


def test_boundaries_of_several_panels(slope):
    sweep = read_sweep(slope(sizes=(25, 45)))
    few, many = plane_maps.draw_boundaries(sweep, SAFE).axes[0].lines
    shift = np.log(0.05 / 0.02) / STEEP
    np.testing.assert_allclose(many.get_xdata(), np.exp(EDGE + TURN * MESSINESS + shift))
    known = np.exp(EDGE + TURN * MESSINESS * 45 / 25 + shift)
    np.testing.assert_allclose(few.get_xdata()[known < 100], known[known < 100])
    assert [line.get_label() for line in (few, many)] == [
        "task.train_size=25",
        "task.train_size=45",
    ]
