"""How many members a GPU's memory holds; the numbers of a GPU are made up."""

from unittest import mock

import pytest
import torch
from torch.utils import _pytree as pytree

from grok.engine import StackModule, memory, module
from grok.engine.batches import Batches, Draws
from grok.engine.memory import Room
from grok.schema import Engine


def test_members_that_fit_three_quarters_of_the_free_memory(make_member, monkeypatch):
    """A member more takes what a step of two takes more than one, and data of its own."""
    member = make_member()
    drawn, cpu = member.drawn(torch.float32), torch.device("cpu")
    peaks = [70_000_000, 75_000_000] * 5
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: peaks.pop(0))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (400_000_000, 800_000_000))
    assert Room(member.task, drawn, cpu).slots(0) == 60
    shared = Room(member.task, drawn, cpu, sharing=2)
    assert (shared.slots(0), shared.slots(5_000_000)) == (30, 15)
    assert Room(member.task, drawn, cpu, sharing=100).slots(0) == 1
    state = sum(tensor.nbytes for tensor in pytree.tree_leaves(drawn.state))
    kept = Room(member.task, drawn, cpu, copies=2)
    assert kept.slots(0) == int(300_000_000 / (5_000_000 + 2 * state)) < 60
    assert Room(member.task, drawn, cpu, steps=1000).slots(0) == 60


def test_minibatches_of_a_call_take_memory(make_member, monkeypatch):
    """A number of 8 bytes for each of 25 samples in each of 5000 steps: as much as a step takes."""
    drawn = make_member().drawn(torch.float32)
    drawn = drawn._replace(batches=Batches(Draws(), 100, 25, 100, []))
    peaks = [70_000_000, 71_000_000] * 2
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: peaks.pop(0))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (80_000_000, 80_000_000))
    monkeypatch.setattr(memory, "Stack", mock.MagicMock())
    for steps, slots in ((0, 60), (5000, 30)):
        room = Room(make_member().task, drawn, torch.device("cpu"), steps=steps)
        assert room.slots(0) == slots


def test_a_stack_takes_its_share_of_a_gpu(make_member, monkeypatch):
    def asked(_task, _drawn, _device, sharing, copies, steps):
        raise MemoryError(f"a share of {sharing}, {copies} copies, {steps} steps")

    monkeypatch.setattr(module, "Room", asked)
    monkeypatch.setattr(StackModule, "device", torch.device("cuda"))
    stack = StackModule(
        [make_member()], Engine(False, False, None, 1), size=2, sharing=3, revisiting=True
    )
    with pytest.raises(MemoryError, match="a share of 3, 2 copies, 1000 steps"):
        stack.on_fit_start()


@pytest.fixture
def sizes(make_member, train_members, monkeypatch):
    """Trains members of these data seeds where few have room; the sizes of their stacks.

    There is room for `together` that have data in common, and `apart` that haven't.
    """

    def run(seeds, together, apart, size=8):
        found = []

        class Little:
            def slots(self, own):
                return apart if own else together

        def noted(self, *arguments):
            stack(self, *arguments)
            found.append([len(self.done), self.common.given[-1]])

        stack = module.Stack.__init__
        monkeypatch.setattr(module.Stack, "__init__", noted)
        monkeypatch.setattr(StackModule, "_measured", lambda *_: Little())
        members = [make_member(str(i), data=data, budget=100) for i, data in enumerate(seeds)]
        records = train_members(members, size=size)
        alone = [make_member(f"alone{i}", data=data, budget=100) for i, data in enumerate(seeds)]
        monkeypatch.undo()
        for record, member in zip(records, alone, strict=True):
            assert record.final == pytest.approx(train_members([member])[0].final)
        return found

    return run


def test_data_in_common_take_their_memory_once(sizes):
    assert sizes([42] * 5, together=3, apart=1) == [[3, True]]


def test_with_data_of_their_own_fewer_members_fit(sizes):
    assert sizes([42, 41, 42, 41], together=4, apart=2) == [[2, False]]


def test_a_member_waits_until_there_is_room_for_its_data(sizes):
    """The three before it end first; it and the last have room."""
    assert sizes([42, 42, 42, 41, 42], together=3, apart=2) == [[3, True], [2, False]]
