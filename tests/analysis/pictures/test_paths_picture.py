"""Free members over a landscape: whose norm, whose losses, and what doesn't go together."""

import numpy as np

from grok.analysis import command, report
from grok.analysis.numbers import paths as path_numbers
from grok.analysis.pictures import paths
from grok.analysis.pictures.palette import SAFE
from tests.analysis.special_sweeps import STEPS


def test_over_an_l_and_a_u(landscape, runs):
    crossing = path_numbers.cross(landscape(), runs())
    assert crossing.plane is None
    assert crossing.losses["norm"].tolist() == [10, 20, 40]
    assert crossing.losses["test_loss"].tolist() == [1, 2, 4]
    memorised, grokked = crossing.walks  # by rising weight decay
    assert grokked.title == "grokking: opt.wd_dec=1"
    assert memorised.title == "memorization: opt.wd_dec=0"
    assert grokked.norms.tolist() == [30, 35, 15]
    np.testing.assert_allclose(grokked.train, [0.5, 0.05, 0.005])
    figure = paths.draw_paths(crossing, SAFE)
    train, test = figure.axes
    drawn = {line.get_label(): line for line in train.lines}
    np.testing.assert_allclose(drawn["reduced train loss"].get_ydata(), [1, 1 / 16, 1 / 256])
    ways = [line for line in test.lines if len(line.get_xdata()) == len(STEPS)]
    assert [way.get_color() for way in ways[:2]] == [SAFE[walk.phase] for walk in crossing.walks]
    assert (train.get_xscale(), test.get_yscale()) == ("log", "log")
    figure.draw_without_rendering()


def test_over_a_plane_by_what_was_measured(landscape, runs):
    """The norm is the decoder's, as the landscape held, and m is the members' own messiness."""
    plane = landscape("task.messiness", (0.0, 0.1, 0.2), groups=("decoder",))
    free = runs(messiness=[0.5, 0.3, 0.1], decoder_norm=[10.0, 30.0, 20.0])
    crossing = path_numbers.cross(plane, free)
    walk = crossing.walks[0]
    np.testing.assert_allclose(walk.values, [0.49, 0.4, 0.1])
    np.testing.assert_allclose(walk.norms, [11, 20, 20])
    figure = paths.draw_paths(crossing, SAFE)
    figure.draw_without_rendering()
    ways = [line for line in figure.axes[0].lines if len(line.get_xdata()) == len(STEPS)]
    assert any(np.allclose(way.get_ydata(), walk.values) for way in ways)
    picture = report.contents(plane, SAFE, crossing)["figures"][-1]
    assert picture["title"] == "Paths of free members"
    assert [trace["type"] for trace in picture["data"]] == ["heatmap", *["scatter"] * 3] * 2


def test_a_number_that_was_never_finite(landscape, runs):
    plane = landscape("task.messiness", (0.0, 0.1))
    crossing = path_numbers.cross(plane, runs(messiness=[np.nan] * 3))
    assert np.isnan(crossing.walks[0].values).all()
    paths.draw_paths(crossing, SAFE).draw_without_rendering()


def test_more_members_than_are_drawn(landscape, runs, monkeypatch):
    monkeypatch.setattr(path_numbers, "MOST_WALKS", 1)
    crossing = path_numbers.cross(landscape(), runs())
    assert len(crossing.walks) == 1
    assert paths.draw_paths(crossing, SAFE).get_suptitle() == "1 of 2 members"


def test_the_command_draws_them_and_the_report_has_them(landscape, runs):
    folder, free = landscape().folder, runs().folder
    command.main([str(folder), "--paths", str(free)])
    written = {path.name for path in (folder / "analysis").iterdir()}
    assert {"paths.png", "paths.pdf", "landscape.png", "report.html"} <= written
    assert "Paths of free members" in (folder / "analysis" / "report.html").read_text()
