"""What is said of a run while it trains."""

import math

from grok.callbacks import Shown, pace
from grok.composing import compose
from grok.job import setup
from grok.training import train


def test_a_single_run_has_a_line_now_and_then(make_member, monkeypatch, capsys):
    member = make_member(budget=120, early_stop=False)
    settings = setup(compose("engine.compile=false", "engine.steps_per_call=50"))
    monkeypatch.setattr(pace, "EVERY", math.inf)
    train([member], settings, extra=[Shown()])
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(pace, "EVERY", 0)
    train([member], settings, extra=[Shown()])
    lines = ["step 50 of 120", "step 100 of 120", "step 120 of 120"]
    assert capsys.readouterr().out.splitlines() == lines
