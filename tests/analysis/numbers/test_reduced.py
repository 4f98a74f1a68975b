"""Planes of reduced losses, their boundary, their pictures, and the flow over them."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from grok.analysis import command
from grok.analysis.numbers import flow
from grok.analysis.numbers.fits import power_law
from grok.analysis.numbers.reduced import planes
from grok.analysis.pictures import plane_maps
from grok.analysis.pictures.palette import SAFE
from grok.analysis.read.table import read_sweep
from grok.errors import UserError
from grok.record.record import Plan, write_plan

ALPHAS = np.geomspace(1, 10, 17)
MESSINESS = np.linspace(0, 0.2, 9)
EDGE, TURN, STEEP = np.log(20), 5, 20
"""The boundary is at ln w = EDGE + TURN m, and train loss falls as w^-STEEP."""


def losses(norm, m, size=45):
    log_norm = np.log(max(norm, 1e-3))
    train = 0.05 * np.exp(-STEEP * (log_norm - EDGE - TURN * m * 45 / size))
    return {"train_loss": train, "val_loss": train + m + 0.01 * abs(log_norm - EDGE)}


@pytest.fixture
def slope(tmp_path, add_member):
    """A landscape whose boundary is straight over (m, ln w), from 20 at m = 0 to 54 at 0.2."""

    def make(alphas=ALPHAS, messiness=MESSINESS, sizes=(45,), missing=None):
        jobs = [
            {"task.init_scale": float(alpha), "task.messiness": float(m)}
            | ({"task.train_size": size} if len(sizes) > 1 else {})
            for size in sizes
            for m in messiness
            for alpha in alphas
        ]
        write_plan(tmp_path, Plan(list(jobs[0]), jobs))
        for number, job in enumerate(jobs):
            if number != missing:
                norm = 10 * job["task.init_scale"]
                final = losses(norm, job["task.messiness"], job.get("task.train_size", 45))
                add_member(
                    number, job, final=final, best=final, weight_norm={"initial": norm},
                    config={"norm": {"constrain": True, "groups": ["decoder"]}},
                )  # fmt: skip
        return tmp_path

    return make


def test_a_plane_of_the_sweep(slope):
    (plane,) = planes(read_sweep(slope()))
    assert (plane.key, plane.name) == ("task.messiness", "messiness")
    np.testing.assert_allclose(plane.norms, 10 * ALPHAS)
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
    np.testing.assert_allclose(planes(sweep)[0].norms, 5 * ALPHAS)


def test_a_loss_of_zero_is_beyond_the_boundary(slope):
    (plane,) = planes(read_sweep(slope()))
    plane.train[:] = np.where(plane.norms < 40, 1.0, 0.0)
    assert (plane.boundary() > plane.norms[plane.norms < 40].max()).all()
    assert (plane.boundary() < 40.1).all()


def test_the_maps(slope):
    figure = plane_maps.maps(read_sweep(slope()), SAFE)
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
    figure = plane_maps.maps(read_sweep(slope(ALPHAS[:2], MESSINESS[:2], missing=1)), SAFE)
    (image,) = figure.axes[0].collections
    assert np.ma.getmaskarray(image.get_array()).tolist() == [[False, True], [False, False]]
    figure.draw_without_rendering()


def test_cells_lie_around_their_norms(slope):
    """On the logarithmic scale, however far apart."""
    figure = plane_maps.maps(read_sweep(slope(alphas=(0.1, 1.0, 10.0))), SAFE)
    corners = figure.axes[0].collections[0].get_coordinates()[0, :, 0]
    np.testing.assert_allclose(corners, 10.0 ** np.array([-0.5, 0.5, 1.5, 2.5]))


def test_boundaries_of_several_panels(slope):
    sweep = read_sweep(slope(sizes=(25, 45)))
    few, many = plane_maps.boundaries(sweep, SAFE).axes[0].lines
    shift = np.log(0.05 / 0.02) / STEEP
    np.testing.assert_allclose(many.get_xdata(), np.exp(EDGE + TURN * MESSINESS + shift))
    known = np.exp(EDGE + TURN * MESSINESS * 45 / 25 + shift)
    np.testing.assert_allclose(few.get_xdata()[known < 100], known[known < 100])
    assert [line.get_label() for line in (few, many)] == [
        "task.train_size=25",
        "task.train_size=45",
    ]


def test_the_flow_takes_as_long_as_the_paper_says(slope):
    """To the boundary, then along it; the angle is tan theta = 1 / 5 throughout.

    It turns a little before the boundary, where the gradient has grown to weight decay's size, so
    it is there somewhat sooner.
    """
    gammas = [1e-5, 3e-5, 1e-4]
    found = flow.paths(read_sweep(slope()), gammas, None)
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
    (path,) = flow.paths(read_sweep(slope()), [1e-6], (0.1, 12.0))
    assert path.arrival < 1e-3 / 1e-6
    assert path.train[-1] < path.train[0] / 10


def test_a_start_at_large_norms_adds_the_way_to_the_boundary(slope):
    sweep = read_sweep(slope())
    near, far = (flow.paths(sweep, [1e-6], (0.1, norm))[0] for norm in (50.0, 90.0))
    away = np.log(90 / 50) / 1e-6
    assert far.predicted - near.predicted == pytest.approx(away)
    assert far.arrival - near.arrival == pytest.approx(away, rel=0.1)


def test_flow_tables(slope):
    sweep = read_sweep(slope())
    command.main([str(sweep.folder), "--flow", "1e-5,1e-4", "--kind", "landscape"])
    written = pd.read_csv(sweep.folder / "analysis" / "flow.csv")
    assert written["gamma"].tolist() == [1e-5, 1e-4]
    np.testing.assert_allclose(written["ratio"], written["arrival"] / written["predicted"])
    points = pd.read_csv(sweep.folder / "analysis" / "flow_paths.csv")
    assert list(points) == ["gamma", "time", "norm", "messiness", "train_loss", "test_loss"]
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
        ({"alphas": ALPHAS[:5]}, "train loss doesn't fall to 0.05 where messiness is least"),
    ],
)
def test_landscapes_without_a_flow(slope, changes, message):
    with pytest.raises(UserError, match="--flow: nothing to follow in") as error:
        flow.paths(read_sweep(slope(**changes)), [1e-4], None)
    assert message in str(error.value)


def test_a_sweep_without_a_constraint_has_no_flow(slope):
    sweep = dataclasses.replace(read_sweep(slope()), constrained=False)
    with pytest.raises(UserError, match="a landscape is held at its norms"):
        flow.paths(sweep, [1e-4], None)


def test_nothing_has_finished(tmp_path):
    write_plan(tmp_path, Plan(["task.init_scale"], [{"task.init_scale": 1.0}]))
    with pytest.raises(UserError, match=r"--flow: no member of .* has finished"):
        command.main([str(tmp_path), "--flow", "1e-4"])
