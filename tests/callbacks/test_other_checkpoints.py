"""Checkpoints of what was different: damaged, of another version, configuration or measure."""

import dataclasses
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from grok.callbacks import MemberCallback, checkpoints
from grok.composing import compose
from grok.errors import ConfigError
from grok.job import setup
from grok.record.names import CHECKPOINT, EMBEDDINGS
from grok.record.record import finished, read_record
from grok.training import train
from tests.callbacks.interrupts import (
    BUDGET,
    FirstSteps,
    PowerCut,
    PowerCutError,
    config,
    interrupted,
)


def test_a_damaged_checkpoint_is_no_harm(members, caplog):
    (member, *_) = members("damaged")
    member.folder.mkdir(parents=True)
    (member.folder / CHECKPOINT).write_bytes(b"half a file")
    with caplog.at_level(logging.WARNING):
        train([member], setup(config()))
    assert "its member starts again" in caplog.text
    assert read_record(member.folder).steps == BUDGET


@pytest.mark.parametrize("fault", ["disk", "newer", "memory"])
def test_a_checkpoint_that_may_be_good_is_kept(fault, members, monkeypatch, tmp_path):
    """Its member ends with a line, and nothing is written over it."""
    (member, *_) = members("good")
    interrupted([member], 1, call=3)
    path = member.folder / CHECKPOINT
    good = path.read_bytes()
    told = []
    with monkeypatch.context() as patched:
        if fault == "disk":
            patched.setattr(Path, "read_bytes", raiser(OSError(5, "Input/output error")))
        elif fault == "memory":
            patched.setattr(torch, "load", raiser(MemoryError()))
        else:
            patched.setattr(checkpoints, "VERSION", checkpoints.VERSION - 1)
        train([member], setup(config()), failed=lambda _, error: told.append(error))
    (error,) = told
    lines = {
        "disk": f"{path}: can't be read (Input/output error); when it can, the same command goes",
        "newer": f"{path}: version 5 of a checkpoint, where this is 4; update grok",
        "memory": "",
    }
    assert str(error).startswith(lines[fault])
    assert path.read_bytes() == good
    train([member], setup(config()))
    assert read_record(member.folder).steps == BUDGET


def raiser(error):
    def function(*_, **__):
        raise error

    return function


def test_a_measure_may_have_the_name_of_another_before(members):
    """What that gave isn't of this one; the member ends all the same."""
    (member, *_) = members("renamed")
    interrupted([member], 1, call=3)
    words = ["engine.compile=false", "engine.steps_per_call=25", "measures=[embeddings]"]
    other = compose(*words, "measures.embeddings.parameter=decoder.0.weight")
    train([member], setup(other))
    with np.load(member.folder / EMBEDDINGS) as left:
        assert left["steps"][0] > 50
        (values,) = (left[name] for name in left if name != "steps")
        assert values.shape[1:] == tuple(member.task.network().decoder[0].weight.shape)


def test_a_number_may_have_the_name_of_another_before(members):
    """Not taken any more before the end, it leaves nothing."""
    (member, *_) = members("renumbered")
    interrupted([member], 1, call=3)
    words = ["engine.compile=false", "engine.steps_per_call=25"]
    own = "+measures.rqi={_target_: grok.measures.Distance, every: 1000}"
    train([member], setup(compose(*words, own)))
    record = read_record(member.folder)
    assert record.steps == BUDGET
    assert "distance" not in record.final
    assert "rqi" not in record.final


def test_a_checkpoint_of_an_earlier_version_is_not_gone_on_from(members, caplog, monkeypatch):
    (member, *_) = members("earlier")
    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "VERSION", checkpoints.VERSION - 1)
        interrupted([member], 1, call=3)
    firsts = FirstSteps()
    train([member], setup(config()), extra=[firsts])
    assert "of another version of grok; its member starts again" in caplog.text
    assert firsts.steps == {"0": 1}


def test_another_configuration_is_refused(members):
    (member, *_) = members("changed")
    interrupted([dataclasses.replace(member, config={"opt": {"lr_dec": 1.0}})], 1, call=2)
    changed = dataclasses.replace(member, config={"opt": {"lr_dec": 2.0}})
    with pytest.raises(ConfigError, match=r"opt.lr_dec=2.0: was 1.0 before in .*; choose another"):
        train([changed], setup(config()))


class Remembering(MemberCallback):
    """Remembers something of each member, and notes what it knows of it when new rows come."""

    def __init__(self, memory):
        super().__init__()
        self.new, self.known = memory, []

    def observe(self, member, rows, trainer):
        self.known.append(self.memory.get(member.folder))
        self.memory[member.folder] = self.new


@pytest.mark.long
@pytest.mark.parametrize("size", [1, 3])
def test_callbacks_and_measures_may_come_and_go(members, size):
    """What goes on is found by its name; the run ends as it would have."""
    unbroken, broken = members("unbroken"), members("broken")
    train(unbroken, setup(config()), size=size)
    before, after = Remembering({"n": 1}), Remembering({"n": 2})
    with pytest.raises(PowerCutError):
        train(broken, setup(config()), size=size, extra=[before, PowerCut(4)])
    other = compose(
        "engine.compile=false",
        "engine.steps_per_call=25",
        "measures=[distance,rqi]",
        "~callbacks.weight_norm",
    )
    firsts = FirstSteps()
    train(broken, setup(other), size=size, extra=[firsts, after])
    assert firsts.steps["0"] == 101
    assert after.known[0] == {"n": 1}
    for a, b in zip(unbroken, broken, strict=True):
        first, second = read_record(a.folder), read_record(b.folder)
        for name in ("train_loss", "val_accuracy", "rqi"):
            assert second.final[name] == first.final[name]
        assert second.weight_norm == {}
        left, right = (pd.read_csv(each.folder / "measures.csv") for each in (a, b))
        assert right["rqi"].dropna().tolist() == left["rqi"].dropna().tolist()
    assert "distance" in read_record(broken[0].folder).final


def test_settings_of_what_is_only_seen_may_change(members):
    (member, *_) = members("seen")
    began = {"opt": {"lr_dec": 1.0}, "measures": {}, "callbacks": {"curves": {"points": 200}}}
    interrupted([dataclasses.replace(member, config=began)], 1, call=2)
    now = {"opt": {"lr_dec": 1.0}, "measures": {"rqi": {"every": 10}}, "callbacks": None}
    train([dataclasses.replace(member, config=now)], setup(config()))
    assert finished(member.folder)


def test_what_a_checkpoint_cannot_hold_is_told_when_it_is_saved(members, caplog):
    """And the others' memories go on."""
    checkpoints.tell_once.cache_clear()
    (member, *_) = members("foreign")
    after = Remembering({"n": 2})
    with pytest.raises(PowerCutError):
        train([member], setup(config()), extra=[Remembering([{"seen": {1, 2}}]), PowerCut(3)])
    (message,) = caplog.messages
    assert message.startswith("Remembering remembers a set, which checkpoints can't hold")
    firsts = FirstSteps()
    train([member], setup(config()), extra=[firsts, after])
    assert firsts.steps == {"0": 76}
    assert after.known[0] is None
