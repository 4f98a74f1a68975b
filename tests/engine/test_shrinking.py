"""When a stack with empty slots becomes a smaller one."""

import pytest

from grok.engine import compiled, sizes
from grok.engine.module import StackModule
from grok.engine.stack import Stack
from tests.fake_graph import install


@pytest.fixture
def shrunk(make_member, train_members, monkeypatch):
    """Trains two members of one step budget, and two of another; sizes and steps done then."""

    def run(*overrides):
        found, shrink = [], StackModule._shrink

        def watched(self, occupied):
            found.append((len(occupied), self.stack.done[occupied[0]]))
            shrink(self, occupied)

        monkeypatch.setattr(StackModule, "_shrink", watched)
        budgets = (100, 100, 600, 600)
        members = [make_member(str(i), model=i, budget=b) for i, b in enumerate(budgets)]
        records = train_members(members, "engine.steps_per_call=50", *overrides)
        assert [record.steps for record in records] == [*budgets]
        return found

    return run


def test_at_once_where_nothing_is_compiled(shrunk):
    assert shrunk() == [(2, 100)]


@pytest.mark.parametrize(("cost", "expected"), [(0, [(2, 100)]), (200, [(2, 200)]), (2000, [])])
def test_compiled_once_empty_slots_have_cost_as_much(
    cost, expected, shrunk, make_member, monkeypatch
):
    """Two slots are empty from step 100 on, so 200 steps of a member have been lost at 200."""
    numbers = 4 * sum(p.numel() for p in make_member("any").task.network().parameters())
    monkeypatch.setitem(sizes.COMPILING, "cpu", cost * numbers)
    monkeypatch.setattr(compiled.StackStep, "_compilable", lambda step, _device: step._advance)
    monkeypatch.setattr("grok.engine.stack.stack_step", compiled.stack_step.__wrapped__)
    assert shrunk("engine.compile=true") == expected


@pytest.mark.long
def test_never_where_empty_slots_cost_nothing(shrunk):
    """Compiled for a CPU, members go one by one."""
    assert shrunk("engine.compile=true") == []


def test_by_blocks_at_once_where_stacks_are_of_such(shrunk, monkeypatch):
    """As on a GPU: four slots are two blocks, of which the second isn't needed from step 100 on."""
    install(monkeypatch, block=2)
    assert shrunk("engine.compile=true") == [(2, 100)]


def test_blocks_are_filled_from_the_start(make_member, train_members, monkeypatch):
    """Of three slots two blocks of two are made: all six members train as four and two."""
    install(monkeypatch, block=2)
    seen = []

    def watched(self, steps, empty=()):
        seen.append((len(self.done), len(empty)))
        return advance(self, steps, empty)

    advance = Stack.advance
    monkeypatch.setattr(Stack, "advance", watched)
    members = [make_member(str(i), model=i, budget=100) for i in range(6)]
    train_members(members, "engine.compile=true", "engine.steps_per_call=100", size=3)
    assert seen == [(4, 0), (2, 0)]


@pytest.mark.parametrize(("cost", "expected"), [(0, [(2, 100)]), (2000, [])])
def test_within_a_block_once_it_pays(cost, expected, shrunk, make_member, monkeypatch):
    numbers = 4 * sum(p.numel() for p in make_member("any").task.network().parameters())
    install(monkeypatch, block=4)
    monkeypatch.setitem(sizes.COMPILING, "cpu", cost * numbers)
    assert shrunk("engine.compile=true") == expected
