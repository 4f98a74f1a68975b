"""Free members over a landscape: whose norm, whose losses, and what doesn't go together."""

import pytest

from grok.analysis.numbers import paths
from grok.errors import UserError
from tests.analysis.special_sweeps import FREE


def test_over_the_part_of_a_landscape_that_the_runs_share(landscape, runs):
    both = landscape("task.train_size", (100, 1000))
    crossing = paths.cross(both, runs(config=FREE | {"task": {"train_size": 1000}}))
    assert crossing.plane is None
    assert crossing.losses["test_loss"].tolist() == [1001, 1002, 1004]


def test_values_are_matched_to_their_last_digit_but_one(landscape, runs):
    both = landscape("task.train_fraction", (0.2, 0.30000000000000004))
    crossing = paths.cross(both, runs(config=FREE | {"task": {"train_fraction": 0.3}}))
    assert crossing.losses["test_loss"].tolist() == pytest.approx([1.3, 2.3, 4.3])


def test_small_values_are_told_apart(landscape, runs):
    both = landscape("opt.lr_dec", (1e-9, 5e-9))
    crossing = paths.cross(both, runs(config=FREE | {"opt": {"lr_dec": 1e-9}}))
    assert len(crossing.losses) == 3


def test_a_second_key_of_texts(landscape, runs):
    both = landscape("task.activation", ("relu", "tanh"))
    crossing = paths.cross(both, runs(config=FREE | {"task": {"activation": "tanh"}}))
    assert len(crossing.losses) == 3


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


def test_a_damaged_member_is_left_out(landscape, runs):
    free = runs()
    (free.member_folder(0) / "curves.csv").write_text("damaged")
    crossing = paths.cross(landscape(), free)
    assert (len(crossing.walks), crossing.members) == (1, 2)
