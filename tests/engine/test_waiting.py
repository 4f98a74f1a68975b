"""Members that aren't known yet: their slots wait for them."""

import dataclasses

import pytest
import torch

from grok import training
from grok.composing import compose
from grok.engine import module
from grok.engine.waiting import Waiting
from grok.job import setup
from grok.record.record import finished, read_record
from tests.faulty import without

SETTINGS = ["engine.compile=false", "trainer.precision=64-true"]


def outcome(member):
    return without(read_record(member.folder), "wall_seconds", "overrides")


@pytest.fixture
def solo(make_member, tmp_path):
    """The same three members, each alone."""
    members = [make_member(f"solo{i}", wd=wd) for i, wd in enumerate((0.0, 1.0, 2.0))]
    for member in members:
        training.train([member], setup(compose(*SETTINGS)))
    return list(map(outcome, members))


def test_a_slot_waits_until_its_member_is_known(make_member, solo, monkeypatch):
    """The second and third are known when the first has ended, and not at once then."""
    monkeypatch.setattr(module, "PAUSE", 0.01)
    members = [make_member(str(i), wd=wd) for i, wd in enumerate((0.0, 1.0, 2.0))]
    asked = []

    def source():
        yield members[0]
        while not finished(members[0].folder):
            asked.append("while it trains")
            yield None
        for _ in range(3):
            asked.append("after it has ended")
            yield None
        yield from members[1:]

    training.train(source(), setup(compose(*SETTINGS)), size=2)
    assert {*asked} == {"while it trains", "after it has ended"}
    for member, expected in zip(members, solo, strict=True):
        assert outcome(member).t_train == expected.t_train
        assert outcome(member).final == pytest.approx(expected.final)


@pytest.mark.parametrize(
    ("task", "held", "line"),
    [
        ({}, ("decoder",), "constrain is decoder instead of nothing in "),
        ({"activation": "relu"}, (), "task is ToyAddition ToyAddition("),
    ],
)
def test_what_takes_another_step_is_refused(task, held, line, make_member):
    """Whoever trains members without a launcher, which groups them."""
    first = make_member("first")
    other = dataclasses.replace(make_member("other", **task), constrain=held)
    told = []
    training.train(
        [first, other],
        setup(compose(*SETTINGS)),
        size=2,
        failed=lambda member, error: told.append((member, str(error))),
    )
    ((failed, reason),) = told
    assert failed is other
    assert reason.startswith(line)
    assert finished(first.folder)


def test_the_first_may_be_waited_for_too(make_member, solo, monkeypatch):
    monkeypatch.setattr(module, "PAUSE", 0.01)
    members = [make_member(str(i), wd=wd) for i, wd in enumerate((0.0, 1.0, 2.0))]

    def source():
        yield from (None, None, members[0], None, *members[1:])

    training.train(source(), setup(compose(*SETTINGS)), size=2)
    for member, expected in zip(members, solo, strict=True):
        assert outcome(member).t_train == expected.t_train


@pytest.mark.parametrize("source", [[], [None], [None, None]])
def test_a_source_of_nobody(source, monkeypatch):
    monkeypatch.setattr(module, "PAUSE", 0.01)
    training.train(source, setup(compose(*SETTINGS)), size=2)


def test_a_source_that_ends_while_it_was_waited_for(make_member, monkeypatch):
    monkeypatch.setattr(module, "PAUSE", 0.01)
    member = make_member("0")

    def source():
        yield member
        while not finished(member.folder):
            yield None

    training.train(source(), setup(compose(*SETTINGS)), size=4)
    assert finished(member.folder)


def test_what_was_not_known_is_known_by_then(make_member):
    member = make_member()
    waiting = Waiting(iter([None, member]), torch.float32, print)
    assert waiting.next_ready() is None
    assert waiting.unknown
    assert waiting.next_ready()[0] is member
    assert not waiting.unknown
