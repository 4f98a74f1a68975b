"""Which jobs may share a stack."""

import pytest

from grok import training
from grok.composing import compose
from grok.launch import stacked
from grok.launch.places import Place
from grok.sweeps.pace import Pace


def test_values_that_refer_to_others_are_compared_as_they_come_out():
    refer = ["task=mnist", "task.width=${seed.model}"]
    first, second = (compose(*refer, f"seed.model={seed}") for seed in (8, 9))
    assert stacked.structure(first) != stacked.structure(second)
    assert stacked.structure(first) == stacked.structure(compose(*refer, "seed.model=8"))


@pytest.mark.parametrize(
    ("override", "together"),
    [
        ("opt.lr_dec=0.5", True),
        ("opt.betas=[0.5,0.9]", True),
        ("phase.threshold=0.5", True),
        ("phase.budget=7", True),
        ("seed.data=9", True),
        ("task.init_scale=3", True),
        ("task.error_threshold=0.5", True),
        ("task.width=7", False),
        ("norm.constrain=true", False),
        ("trainer.precision=64-true", False),
        ("callbacks.curves.points=5", False),
    ],
)
def test_what_may_differ_in_a_stack(override, together):
    first, second = compose("task=teacher_student"), compose("task=teacher_student", override)
    assert (stacked.structure(first) == stacked.structure(second)) is together


def test_a_worker_knows_how_many_share_its_gpu(tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr(training, "train", lambda *_, **options: seen.update(options))
    stacked.train([], compose(), Place(2, 1, 3), print, Pace(tmp_path, "worker"))
    assert (seen["gpu"], seen["sharing"]) == (1, 3)
