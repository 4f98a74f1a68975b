"""What is measured of members, one by one and all at once."""

import gc
import weakref

import pytest
import torch

from grok.engine import observer
from grok.engine.observer import VALIDATION, Observer, Taken
from grok.engine.stack import Stack
from grok.measures import Distance, Function, GradientNorm
from grok.measures.representation import Embeddings

MEASURES = {"distance": Distance(), "gradient": GradientNorm(), "embeddings": Embeddings()}


@pytest.mark.parametrize("name", [*MEASURES, VALIDATION])
def test_members_at_once_are_as_one_by_one(name, make_member, stack_of, monkeypatch):
    members = [
        make_member(str(i), lr=10.0**-i, data=i % 2, model=i, objective="classification")
        for i in range(1, 5)
    ]
    stack = stack_of(members, torch.float64)
    stack.advance(20)
    observer, slots = Observer(stack, MEASURES), [3, 0, 1]
    expected = observer.take(name, slots, 0)
    monkeypatch.setattr(Observer, "_mapped", True)
    monkeypatch.delattr(Observer, "_one_by_one")
    taken = observer.take(name, slots, 0)
    assert [(each.slot, each.step) for each in taken] == [(3, 20), (0, 20), (1, 20)]
    for mine, theirs in zip(taken, expected, strict=True):
        assert mine.values.keys() == theirs.values.keys()
        for key, value in mine.values.items():
            torch.testing.assert_close(value, theirs.values[key], rtol=1e-12, atol=0)


def largest(member):
    """Asks for a number, which no stack has."""
    return torch.tensor(max(param.max().item() for param in member.params.values()))


def test_what_can_not_be_mapped_is_taken_of_one_after_the_other(
    make_member, stack_of, caplog, monkeypatch
):
    stack = stack_of([make_member(str(i), model=i) for i in range(3)], torch.float32)
    observer = Observer(stack, {"largest": Function(largest)})

    def taken():
        return [each.values["largest"].item() for each in observer.take("largest", [2, 0], 0)]

    expected = taken()
    monkeypatch.setattr(Observer, "_mapped", True)
    assert [taken(), taken()] == [expected] * 2
    assert len(set(expected)) == 2
    (line,) = caplog.messages
    assert line.startswith("measures.largest: torch.func can't map it over members (vmap: It looks")


def spectrum(member):
    """Raises where a weight isn't finite, as decompositions may."""
    weight = member.params["encoder.weight"]
    if not weight.isfinite().all():
        raise ValueError("not finite")
    return torch.linalg.svdvals(weight).max()


@pytest.mark.parametrize("mapped", [False, True])
def test_what_one_member_has_no_measure_of_another_may(mapped, make_member, stack_of, monkeypatch):
    stack = stack_of([make_member(str(i), model=i) for i in range(3)], torch.float32)
    stack.state.params["encoder.weight"][1] = torch.inf
    monkeypatch.setattr(Observer, "_mapped", mapped)
    taken = Observer(stack, {"spectrum": Function(spectrum)}).take("spectrum", [0, 1, 2], 0)
    assert [each.error is None for each in taken] == [True, False, True]
    assert [sorted(each.values) for each in taken] == [["spectrum"], [], ["spectrum"]]


def test_what_is_taken_keeps_nothing_of_the_others(make_member):
    members = [make_member(str(i), model=i) for i in range(3)]
    drawn = [member.drawn(torch.float32) for member in members]
    stack = Stack(members[0].task, drawn, torch.device("cpu"), False, measures=MEASURES)
    _, taken = stack.advance(50)
    values = [value for each in taken for value in each.values.values()]
    assert len(values) > 3
    assert all(value.untyped_storage().nbytes() == value.nbytes for value in values)


def test_a_stack_frees_its_memory_at_once(make_member):
    """Not when Python looks for what nobody holds any longer."""
    member = make_member()
    stack = Stack(member.task, [member.drawn(torch.float32)], torch.device("cpu"), False)
    stack.advance(2)
    state, gone = weakref.ref(stack.state.norm), weakref.ref(stack)
    gc.disable()
    try:
        del stack
        assert (gone(), state()) == (None, None)
    finally:
        gc.enable()


def test_nothing_is_measured_of_slots_that_nobody_has(make_member, train_members, monkeypatch):
    """One of four members ends early; three don't fit half a stack, so it doesn't shrink."""
    taken, take = [], Observer.take

    def watched(self, name, slots, later):
        taken.append((slots, self._stack.done[slots[0]] + later))
        return take(self, name, slots, later)

    monkeypatch.setattr(Observer, "take", watched)
    members = [make_member(f"{i}", model=i, budget=40 if i == 1 else 90) for i in range(4)]
    train_members(members, "measures=[distance]", "+measures.distance.every=30")
    assert taken[4:] == [([0, 1, 2, 3], 30), ([0, 2, 3], 60), ([0, 2, 3], 90)]


def test_what_is_measured_is_collected_in_its_order(monkeypatch):
    """A number takes 512 bytes on a GPU; no more than 40 of them wait here."""
    monkeypatch.setattr(observer, "WAITING", 40 * 512)
    moved, collected = [], observer.Collected()
    to_cpu = observer.on_cpu
    monkeypatch.setattr(observer, "on_cpu", lambda taken: moved.append(len(taken)) or to_cpu(taken))
    steps = range(1, 61)
    for step in steps:
        collected.add([Taken("rqi", 0, step, {"rqi": torch.tensor(float(step))})])
    assert [each.values["rqi"].item() for each in collected.there()] == [*steps]
    assert moved == [41, 19]


def test_a_large_set_is_validated_in_parts(make_member, stack_of, monkeypatch):
    stack = stack_of([make_member(lr=1e-2)])
    (whole,) = stack.observer.take(VALIDATION, [0], 0)
    monkeypatch.setattr(observer, "CPU_SAMPLES", 4)
    (parts,) = stack.observer.take(VALIDATION, [0], 0)
    torch.testing.assert_close(parts.values, whole.values)


def test_without_room_for_all_at_once_it_is_one_by_one(make_member, stack_of, monkeypatch, caplog):
    """That once; it isn't told as a measure's fault."""
    stack = stack_of([make_member(str(i), model=i) for i in range(2)])
    watched = Observer(stack, {"distance": Distance()})
    monkeypatch.setattr(Observer, "_mapped", True)

    def full(*_arguments):
        raise torch.OutOfMemoryError

    with monkeypatch.context() as patch:
        patch.setattr(observer, "vmap", full)
        assert len(watched.take("distance", [0, 1], 0)) == 2
    assert caplog.messages == []
    assert watched._unmapped == set()
