"""The flow over a landscape of two keys."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from grok.analysis import command
from grok.analysis.numbers import flow
from grok.analysis.numbers.fits import power_law
from grok.analysis.numbers.reduced import planes
from grok.analysis.read.table import read_sweep
from grok.errors import UserError
from grok.record.record import Plan, write_plan
from tests.analysis.special_sweeps import EDGE, SCALES, TURN


def of_the_plane(paths):
    return [path for path in paths if path.rate == flow.OF_THE_PLANE]


def test_each_rate_follows_its_equation(slope):
    """Steps along a path against the gradient of the loss, which is given in closed form."""
    sweep = read_sweep(slope())
    (plane,) = planes(sweep)
    losses = flow._Losses(plane)
    equal, scaled = flow.flow_paths(sweep, [1e-4], (0.1, 50.0))
    assert (equal.rate, scaled.rate) == (flow.EQUAL, flow.OF_THE_PLANE)
    for path, rate in ((equal, lambda w: 1.0), (scaled, lambda w: w**-2)):
        u, m, time = np.log(path.norms), path.values, path.time
        middle = np.flatnonzero(np.diff(time) > 0)[5:-5]
        for i in middle[:: max(1, len(middle) // 8)]:
            along_u, along_m = losses.gradient((u[i] + u[i + 1]) / 2, (m[i] + m[i + 1]) / 2)
            w = np.sqrt(path.norms[i] * path.norms[i + 1])
            moved = np.array([u[i + 1] - u[i], m[i + 1] - m[i]]) / (time[i + 1] - time[i])
            expected = [-along_u / w**2 - path.gamma, -along_m * rate(w)]
            np.testing.assert_allclose(moved, expected, rtol=0.1, atol=1e-7)


def test_the_flow_takes_as_long_as_the_paper_says(slope):
    """To the boundary, then along it; the angle is tan theta = 1 / 5 throughout.

    It turns a little before the boundary, where the gradient has grown to weight decay's size, so
    it is there somewhat sooner.
    """
    gammas = [1e-5, 3e-5, 1e-4]
    found = of_the_plane(flow.flow_paths(read_sweep(slope()), gammas, None))
    for path, gamma in zip(found, gammas, strict=True):
        assert (path.values[0], path.norms[0]) == (pytest.approx(0.2), pytest.approx(100))
        # L is the way in ln w from 100 to the boundary at a tenth of m, and h is 0.18
        length = np.log(100) - EDGE - TURN * 0.02
        assert path.predicted == pytest.approx((length + 0.18 / TURN) / gamma)
        assert 0.75 < path.arrival / path.predicted < 1.05
        assert path.values[-1] == pytest.approx(0.02, abs=1e-3)
        assert (np.diff(path.norms) < 0).all()
    law = power_law(gammas, [path.arrival for path in found])
    assert law.slope == pytest.approx(-1, abs=0.1)


def test_the_flow_leaves_small_norms_at_once(slope):
    """Below the boundary gradients are large: m is gone before weight decay has done anything."""
    for path in flow.flow_paths(read_sweep(slope()), [1e-6], (0.1, 12.0)):
        assert path.arrival < 1e-3 / 1e-6
        assert path.train[-1] < path.train[0] / 10


def test_a_start_at_large_norms_adds_the_way_to_the_boundary(slope):
    sweep = read_sweep(slope())
    near, far = (
        of_the_plane(flow.flow_paths(sweep, [1e-6], (0.1, norm)))[0] for norm in (50.0, 90.0)
    )
    away = np.log(90 / 50) / 1e-6
    assert far.predicted - near.predicted == pytest.approx(away)
    assert far.arrival - near.arrival == pytest.approx(away, rel=0.1)


def test_flow_tables(slope):
    sweep = read_sweep(slope())
    command.main([str(sweep.folder), "--flow", "1e-5,1e-4", "--kind", "landscape"])
    written = pd.read_csv(sweep.folder / "analysis" / "flow.csv")
    assert written["gamma"].tolist() == [1e-5, 1e-4] * 2
    assert written["rate"].tolist() == ["1", "1", "1 / w^2", "1 / w^2"]
    np.testing.assert_allclose(written["ratio"], written["arrival"] / written["predicted"])
    points = pd.read_csv(sweep.folder / "analysis" / "flow_paths.csv")
    assert list(points) == ["gamma", "rate", "time", "norm", "messiness", "train_loss", "test_loss"]
    assert (sweep.folder / "analysis" / "flow.png").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--flow", "1e-4", "--start", "0.3,20"], "--start: messiness 0.3 is off the landscape"),
        (["--flow", "1e-4", "--start", "0.1,2000"], "--start: norm 2000 is off the landscape, 10"),
        (["--flow", "1e-4", "--start", "0,20"], "--start: messiness 0 is the least there is"),
        (["--flow", "1e-4", "--start", "1"], "--start: takes two numbers, M,W"),
        (["--start", "1,2"], "--start: takes two numbers, M,W, and belongs to --flow"),
        (["--flow", "0,1e-4"], "--flow: 0 is no weight decay over 0"),
        (["--flow", "nan"], "--flow: nan is no weight decay over 0"),
        (["--flow", "1e-4,inf"], "--flow: inf is no weight decay over 0"),
        (["--flow", "1e-4", "--kind", "trajectories"], "--kind trajectories: nothing of that kind"),
        (["--flow", "much"], "argument --flow: much: must be numbers, such as 1e-5,1e-4"),
    ],
)
def test_mistakes_of_the_command(slope, options, message):
    with pytest.raises(UserError) as error:
        command.main([str(slope()), *options])
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"missing": 3}, "at least 4 values of each key, all finished"),
        (
            {"sizes": (25, 45)},
            "a landscape over task.init_scale and one other key is needed, not 2",
        ),
        ({"alphas": SCALES[:5]}, "train loss doesn't fall to 0.05 where messiness is least"),
    ],
)
def test_landscapes_without_a_flow(slope, changes, message):
    with pytest.raises(UserError, match="--flow: nothing to follow in") as error:
        flow.flow_paths(read_sweep(slope(**changes)), [1e-4], None)
    assert message in str(error.value)


def test_a_sweep_without_a_constraint_has_no_flow(slope):
    sweep = dataclasses.replace(read_sweep(slope()), constrained=False)
    with pytest.raises(UserError, match="a landscape is held at its norms"):
        flow.flow_paths(sweep, [1e-4], None)


def test_nothing_has_finished(tmp_path):
    write_plan(tmp_path, Plan(["task.init_scale"], [{"task.init_scale": 1.0}]))
    with pytest.raises(UserError, match=r"--flow: no member of .* has finished"):
        command.main([str(tmp_path), "--flow", "1e-4"])
