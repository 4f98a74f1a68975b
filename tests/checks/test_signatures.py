"""Components are judged by what their own classes take."""

import pytest

from grok.checks.config import problems
from grok.composing import compose

WHOLE = "must be a whole number in plain digits, such as 100000"


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("callbacks.checkpoints.seconds=abc", "seconds=abc: must be a number, such as 1e-3"),
        ("callbacks.checkpoints.seconds=-0.5", "seconds=-0.5: must be a number of at least 0"),
        ("callbacks.curves.points=1.5", f"points=1.5: {WHOLE}"),
        ("callbacks.curves.points=null", f"points=null: {WHOLE}"),
        ("callbacks.curves.points='7'", f"points=7: {WHOLE}"),
        ("callbacks.curves.points=1", "points=1: must be a whole number of at least 2"),
        ("+callbacks.curves.pionts=7", "pionts=7: no such key; did you mean points?"),
        ("+callbacks.x._target_=foo.Bar", "_target_=foo.Bar: can't be imported (No module named"),
        (
            "+callbacks.x._target_=grok.callbacks.KeptWeights",
            "callbacks.x.moments: is needed by KeptWeights; add +callbacks.x.moments=...",
        ),
        ("logger=csv +logger.csv.flush_logs_every_n_steps=a", f"n_steps=a: {WHOLE}"),
        ("measures=[rqi] measures.rqi.every=0.5", f"every=0.5: {WHOLE}, or null"),
        ("measures=[rqi] measures.rqi.tolerance=a", "tolerance=a: must be a number, such as 1e-3"),
    ],
)
def test_what_a_class_does_not_take(override, problem):
    (found,) = problems(compose(*override.split()))
    assert problem in found


@pytest.mark.parametrize(
    "override",
    [
        "callbacks.checkpoints.seconds=0.5",
        "measures=[rqi] measures.rqi.every=null",
        "logger=csv logger.csv.name=null",
        "+callbacks.any._target_=builtins.dict +callbacks.any.key=1",
        # a type that is no configuration's
        "+callbacks.x._target_=lightning.pytorch.callbacks.Timer +callbacks.x.duration=00:01:00:00",
    ],
)
def test_what_a_class_takes(override):
    assert problems(compose(*override.split())) == []
