"""Free members over a landscape: whose norm, whose losses, and what doesn't go together."""

import numpy as np
import pandas as pd
import pytest

from grok.analysis import command, report
from grok.analysis.pictures import paths
from grok.analysis.pictures.palette import SAFE
from grok.analysis.read.table import read_sweep
from grok.errors import UserError
from grok.record.names import CURVE_COLUMNS, CURVES
from grok.record.record import Plan, write_plan, write_record
from tests.analysis.conftest import make_record

FREE = {"norm": {"constrain": False, "groups": ["encoder", "decoder"]}}
STEPS = (1, 10, 100)


@pytest.fixture
def landscape(tmp_path):
    """Losses over the norms 10, 20, 40 and, where asked for, one more key."""

    def make(key=None, values=(0.0,), groups=("encoder", "decoder")):
        folder = tmp_path / "landscape"
        jobs = [
            {"task.init_scale": scale} | ({key: value} if key else {})
            for value in values
            for scale in (1.0, 2.0, 4.0)
        ]
        write_plan(folder, Plan(list(jobs[0]), jobs))
        for number, job in enumerate(jobs):
            scale, more = job["task.init_scale"], job.get(key, 0.0)
            more = 0.0 if isinstance(more, str) else more
            final = {"train_loss": 1 / scale**4, "val_loss": scale + more}
            record = make_record(
                job, 10, None, final=final, best=final, weight_norm={"initial": 10 * scale},
                config={"norm": {"constrain": True, "groups": list(groups)}},
            )  # fmt: skip
            write_record(folder / str(number), record)
        return read_sweep(folder)

    return make


@pytest.fixture
def runs(tmp_path, measured):
    """Two free members, of grokking and of memorization, with curves and perhaps measures."""

    def make(config=FREE, curves=True, **columns):
        folder = tmp_path / "runs"
        jobs = [{"opt.wd_dec": 1.0}, {"opt.wd_dec": 0.0}]
        write_plan(folder, Plan(["opt.wd_dec"], jobs))
        last = {name: None if np.isnan(each[-1]) else each[-1] for name, each in columns.items()}
        changes = measured(**{name: (None, value, None) for name, value in last.items()})
        for number, (job, t_val) in enumerate(zip(jobs, (5000, None), strict=True)):
            write_record(
                folder / str(number), make_record(job, 10, t_val, config=config, **changes)
            )
            norms = (30 - 10 * number, 35, 15)
            rows = [
                [step, 0.5 / step, 1, 2.0 / step, 1, norm]
                for step, norm in zip(STEPS, norms, strict=True)
            ]
            if curves:
                table = pd.DataFrame(rows, columns=list(CURVE_COLUMNS))
                table.to_csv(folder / str(number) / CURVES, index=False)
            if columns:
                # taken at other steps than the curves
                table = pd.DataFrame({"step": [0, 20, 100]} | columns)
                table.to_csv(folder / str(number) / "measures.csv", index=False)
        return read_sweep(folder)

    return make


def test_over_an_l_and_a_u(landscape, runs):
    crossing = paths.cross(landscape(), runs())
    assert crossing.plane is None
    assert crossing.losses["norm"].tolist() == [10, 20, 40]
    assert crossing.losses["test_loss"].tolist() == [1, 2, 4]
    memorised, grokked = crossing.walks  # by rising weight decay
    assert grokked.title == "grokking: opt.wd_dec=1"
    assert memorised.title == "memorization: opt.wd_dec=0"
    assert grokked.norms.tolist() == [30, 35, 15]
    np.testing.assert_allclose(grokked.train, [0.5, 0.05, 0.005])
    figure = paths.draw(crossing, SAFE)
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
    crossing = paths.cross(plane, free)
    walk = crossing.walks[0]
    np.testing.assert_allclose(walk.values, [0.49, 0.4, 0.1])
    np.testing.assert_allclose(walk.norms, [11, 20, 20])
    figure = paths.draw(crossing, SAFE)
    figure.draw_without_rendering()
    ways = [line for line in figure.axes[0].lines if len(line.get_xdata()) == len(STEPS)]
    assert any(np.allclose(way.get_ydata(), walk.values) for way in ways)
    picture = report.contents(plane, SAFE, crossing)["figures"][-1]
    assert picture["title"] == "Paths of free members"
    assert [trace["type"] for trace in picture["data"]] == ["heatmap", *["scatter"] * 3] * 2


def test_over_the_part_of_a_landscape_that_the_runs_share(landscape, runs):
    both = landscape("task.train_size", (100, 1000))
    crossing = paths.cross(both, runs(config=FREE | {"task": {"train_size": 1000}}))
    assert crossing.plane is None
    assert crossing.losses["test_loss"].tolist() == [1001, 1002, 1004]


def test_values_are_matched_to_their_last_digit_but_one(landscape, runs):
    both = landscape("task.train_fraction", (0.2, 0.30000000000000004))
    crossing = paths.cross(both, runs(config=FREE | {"task": {"train_fraction": 0.3}}))
    assert crossing.losses["test_loss"].tolist() == pytest.approx([1.3, 2.3, 4.3])


def test_a_second_key_of_texts(landscape, runs):
    both = landscape("task.activation", ("relu", "tanh"))
    crossing = paths.cross(both, runs(config=FREE | {"task": {"activation": "tanh"}}))
    assert len(crossing.losses) == 3


def test_a_number_that_was_never_finite(landscape, runs):
    plane = landscape("task.messiness", (0.0, 0.1))
    crossing = paths.cross(plane, runs(messiness=[np.nan] * 3))
    assert np.isnan(crossing.walks[0].values).all()
    paths.draw(crossing, SAFE).draw_without_rendering()


def test_more_members_than_are_drawn(landscape, runs, monkeypatch):
    monkeypatch.setattr(paths, "MOST_MEMBERS", 1)
    crossing = paths.cross(landscape(), runs())
    assert len(crossing.walks) == 1
    assert paths.draw(crossing, SAFE).get_suptitle() == "1 of 2 members"


def test_the_command_draws_them_and_the_report_has_them(landscape, runs):
    folder, free = landscape().folder, runs().folder
    command.main([str(folder), "--paths", str(free)])
    written = {path.name for path in (folder / "analysis").iterdir()}
    assert {"paths.png", "paths.pdf", "landscape.png", "report.html"} <= written
    assert "Paths of free members" in (folder / "analysis" / "report.html").read_text()


def test_what_does_not_belong_together(landscape, runs):
    with pytest.raises(UserError, match=r"is no landscape; sweep task.init_scale with norm"):
        paths.cross(runs(), runs())
    held = {"norm": {"constrain": True, "groups": ["decoder"]}}
    with pytest.raises(UserError, match="its members were held at their norm; pass free ones"):
        paths.cross(landscape(), runs(config=held))
    with pytest.raises(UserError, match=r"decoder_norm wasn't measured; the landscape needs it"):
        paths.cross(landscape(groups=("decoder",)), runs())
    with pytest.raises(UserError, match=r"have no task.train_size in common, and didn't measure"):
        paths.cross(landscape("task.train_size", (100, 1000)), runs())
    with pytest.raises(UserError, match=r"runs' task.train_size is 7; the landscape has 100, 1000"):
        paths.cross(
            landscape("task.train_size", (100, 1000)),
            runs(config=FREE | {"task": {"train_size": 7}}),
        )


def test_members_without_curves(landscape, runs):
    with pytest.raises(UserError, match=r"has no curves.csv; run it with callbacks=default"):
        paths.cross(landscape(), runs(curves=False))
