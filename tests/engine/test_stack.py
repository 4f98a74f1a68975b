"""A member's result doesn't depend on its neighbours, its slot or when it got there."""

import dataclasses
import os

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils import _pytree as pytree

from grok.composing import compose
from grok.engine import module
from grok.engine import stack as stack_module
from grok.engine.stack import Stack
from grok.engine.step import Steps
from grok.job import make_member as member_of
from grok.record.names import CURVES, EMBEDDINGS
from grok.tasks.mnist import MNIST

CELLS = [  # differing in everything that may vary inside a stack
    {"lr": 1e-3, "wd": 0.0},
    {"lr": 3e-4, "wd": 5.0, "data": 41, "model": 101},
    {"lr": 1e-2, "wd": 1.0, "init_scale": 2.0, "budget": 70},
    {"lr": 1e-5, "wd": 10.0, "model": 103, "betas": (0.8, 0.98)},
    {"lr": 1e-3, "wd": 2.0, "data": 43, "early_stop": False},
]


def outcome(record):
    return (record.phase, record.t_train, record.t_val, record.steps, record.stop_reason)


@pytest.mark.parametrize(("objective", "size"), [("classification", 5), ("regression", 2)])
def test_a_stack_equals_solo_runs(objective, size, make_member, train_members):
    def members(where):
        return [
            make_member(f"{where}/{i}", **{"budget": 160, "objective": objective} | cell)
            for i, cell in enumerate(CELLS)
        ]

    together, alone = members("together"), members("alone")
    stacked = train_members(together, "measures=[embeddings,rqi,gradient_norm]", size=size)
    solo = [
        train_members([member], "measures=[embeddings,rqi,gradient_norm]")[0] for member in alone
    ]
    assert [outcome(record) for record in stacked] == [outcome(record) for record in solo]
    for a, b in zip(together, alone, strict=True):
        curves = [pd.read_csv(member.folder / CURVES) for member in (a, b)]
        pd.testing.assert_frame_equal(*curves, rtol=2e-3, atol=1e-6)
        first, second = (np.load(member.folder / EMBEDDINGS) for member in (a, b))
        np.testing.assert_array_equal(first["steps"], second["steps"])
        np.testing.assert_allclose(first["values"], second["values"], rtol=2e-3, atol=1e-5)


def test_these_cells_differ(make_member, train_members):
    """Otherwise the equality above would show nothing."""
    members = [make_member(f"{i}", **{"budget": 160} | cell) for i, cell in enumerate(CELLS)]
    records = train_members(members)
    assert len({record.final["train_loss"] for record in records}) == len(CELLS)


def test_a_stack_starts_from_each_members_own_draws(make_member, stack_of):
    members = [make_member(f"{i}", **cell) for i, cell in enumerate(CELLS)]
    stack = stack_of(members)
    for slot, member in enumerate(members):
        for name, weight in member.drawn(torch.float32).state.params.items():
            assert torch.equal(stack.state.params[name][slot], weight)
        targets = member.task.data(member.seed.data).train["targets"]
        assert torch.equal(stack.given.train["targets"][slot], targets)
        assert stack.hyper["lr"][slot].tolist() == [member.opt.lr_enc, member.opt.lr_dec]


def test_putting_a_member_in_a_slot_leaves_the_others_untouched(make_member, stack_of):
    members = [make_member(f"{i}", **cell) for i, cell in enumerate(CELLS)]
    stack, undisturbed = stack_of(members[:3]), stack_of(members[:3])
    stack.advance(10)
    undisturbed.advance(10)
    stack.put(1, members[3].drawn(torch.float32))
    assert stack.state.powers[:, 1, 0].tolist() == pytest.approx([0.9**10, 1, 0.9**10])
    stack.advance(10)
    undisturbed.advance(10)
    for name, params in stack.state.params.items():
        assert torch.equal(params[[0, 2]], undisturbed.state.params[name][[0, 2]])
    fresh = stack_of([members[3], members[0], members[1]])
    fresh.advance(10)
    for name, params in stack.state.params.items():
        torch.testing.assert_close(params[1], fresh.state.params[name][0], rtol=1e-4, atol=1e-6)


def test_a_broken_member_does_not_touch_its_neighbours(make_member, stack_of):
    members = [make_member(f"{i}", **cell) for i, cell in enumerate(CELLS[:3])]
    broken = dataclasses.replace(members[1], opt=dataclasses.replace(members[1].opt, lr_dec=1e30))
    stack, sound = stack_of([members[0], broken, members[2]]), stack_of(members[:3])
    metrics, _ = stack.advance(20)
    expected, _ = sound.advance(20)
    assert not torch.isfinite(metrics["train_loss"][-1, 1])
    for name, values in metrics.items():
        assert torch.equal(values[:, [0, 2]], expected[name][:, [0, 2]])


def test_precision(make_member, train_members, stack_of):
    single, double = make_member("32", budget=100), make_member("64", budget=100)
    (a,) = train_members([single])
    (b,) = train_members([double], "trainer.precision=64-true")
    assert (a.precision, b.precision) == ("32-true", "64-true")
    assert a.final["train_loss"] != b.final["train_loss"]
    assert a.final["train_loss"] == pytest.approx(b.final["train_loss"], rel=1e-3)
    stack = stack_of([double], torch.float64)
    assert {p.dtype for p in stack.state.params.values()} == {torch.float64}


def test_networks_run_under_pytorchs_default_dtype(make_member, train_members, monkeypatch):
    """In each precision, in steps and in measures: a network's own constants are the same."""
    seen, advance = set(), stack_module.Stack.advance

    def watched(self, *arguments):
        seen.add(torch.get_default_dtype())
        return advance(self, *arguments)

    monkeypatch.setattr(stack_module.Stack, "advance", watched)
    train_members([make_member(budget=60)], "trainer.precision=64-true")
    assert seen == {torch.float32}


@pytest.mark.long
def test_how_many_steps_a_call_takes_changes_nothing(make_member, train_members):
    members = [make_member(f"{n}", lr=1e-2, wd=1.0, budget=230) for n in (1, 7, 400)]
    records = [
        train_members([member], f"engine.steps_per_call={member.folder.name}")[0]
        for member in members
    ]
    assert outcome(records[0]) == outcome(records[1]) == outcome(records[2])
    assert records[0].final == records[1].final == records[2].final


def test_a_call_is_short_where_steps_are_slow(make_member, train_members, monkeypatch):
    """Checkpoints and interrupts wait for its end; times are exact all the same."""
    words = "engine.compile=false", "engine.steps_per_call=null"
    whole = train_members([make_member("whole", budget=260)], *words)
    calls, advance = [], Stack.advance

    def counted(stack, steps, *empty):
        calls.append(steps)
        return advance(stack, steps, *empty)

    monkeypatch.setattr(Stack, "advance", counted)
    monkeypatch.setattr(module, "SECONDS", 1e-9)
    short = train_members([make_member("short", budget=260)], *words)
    assert calls[:3] == [200, 1, 1]
    assert (short[0].t_train, short[0].final) == (whole[0].t_train, whole[0].final)


@pytest.mark.parametrize(
    ("objective", "one_data"), [("classification", False), ("regression", True)]
)
def test_compiled_weights_are_the_same_to_the_bit_in_any_stack(
    objective, one_data, make_member, stack_of
):
    """Whatever the stack's size, data held once or not: products are computed alike."""
    common = {"objective": objective} | ({"data": 42} if one_data else {})
    members = [make_member(f"{i}", **(cell | common)) for i, cell in enumerate(CELLS)]
    alone = [stack_of([member], compiled=True) for member in members]
    accuracies = [stack.advance(200)[0]["val_accuracy"][:, 0] for stack in alone]
    for size in (2, 3, 5):
        together = stack_of(members[:size], compiled=True)
        assert all(together.common.given) is one_data
        metrics, _ = together.advance(200)
        assert together.compiled
        for slot in range(size):
            assert torch.equal(metrics["val_accuracy"][:, slot], accuracies[slot])
            for name, params in together.state.params.items():
                assert torch.equal(params[slot], alone[slot].state.params[name][0])


@pytest.mark.long
@pytest.mark.parametrize(
    "options",
    [
        ["task=teacher_student"],
        ["task=toy_representation", "task.messiness=0.3"],
        pytest.param(
            ["task=modular", "task.p=11", "task.width=16", "task.hidden=32"],
            marks=pytest.mark.slow,  # minutes to compile
        ),
    ],
    ids=lambda options: options[0],
)
def test_so_they_are_in_other_tasks(options, stack_of, tmp_path):
    """Those of MNIST are below."""
    cells = (
        ["seed.model=1"],
        ["task.init_scale=2", "seed.data=3"],
        ["opt.wd_dec=0.5", "seed.model=4"],
    )
    members = [member_of(compose(*options, *cell), tmp_path, "task", {}) for cell in cells]
    together = stack_of(members, compiled=True)
    metrics, _ = together.advance(100)
    assert together.compiled
    for slot, member in enumerate(members):
        alone = stack_of([member], compiled=True)
        expected, _ = alone.advance(100)
        for name, tensor in alone.weights(0).items():
            assert torch.equal(together.weights(slot)[name], tensor)
        accuracies = (each["val_accuracy"][:, i] for each, i in ((metrics, slot), (expected, 0)))
        assert torch.equal(*(values.nan_to_num() for values in accuracies))


def images(make_member, model=0, data=0, lr=1e-2):
    task = MNIST(data_dir=os.environ["GROK_DATA_DIR"], init_scale=1.0)
    member = make_member(lr=lr, data=data, model=model)
    return dataclasses.replace(member, task=task)


def shares(stack):
    """Whether all slots hold the images once, and a minibatch of them."""
    images = stack.given.train["inputs"]
    return images.dim() == 2, all(stack.common.batch)


@pytest.mark.long
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_members_share_changes_no_bit(dtype, make_member, stack_of):
    """Images and minibatches are held once while all take the same, and stacked when they don't."""
    first, second, third = (images(make_member, lr=lr) for lr in (1e-3, 1e-2, 1e-1))
    other_data, other_order = images(make_member, data=1), images(make_member, model=1)
    members = [first, second, third, other_data, other_order]

    def alone(member, steps):
        stack = stack_of([member], dtype, compiled=True)
        stack.advance(steps)
        return stack.state.params

    def check(stack, *expected):
        for slot, (member, steps) in enumerate(expected):
            assert stack.done[slot] == steps
            for name, param in alone(members[member], steps).items():
                assert torch.equal(stack.state.params[name][slot], param[0])

    stack = stack_of([first, second], dtype, compiled=True)
    assert shares(stack) == (True, True)
    stack.advance(10)
    check(stack, (0, 10), (1, 10))
    stack.put(1, third.drawn(dtype))
    assert shares(stack) == (True, False)
    stack.advance(5)
    check(stack, (0, 15), (2, 5))
    stack.put(0, other_data.drawn(dtype))
    assert shares(stack) == (False, False)
    stack.advance(5)
    check(stack, (3, 5), (2, 10))
    stack.put(0, other_order.drawn(dtype))
    stack.advance(5)
    check(stack, (4, 5), (2, 15))
    stack.keep([1])
    assert shares(stack) == (True, True)
    stack.advance(5)
    check(stack, (2, 20))


def test_a_captured_step_keeps_its_tensors(make_member, stack_of, monkeypatch):
    """A CUDA graph replays on the tensors it was captured with: others need a capture anew."""
    captures = []

    class Captured(Steps):
        def __init__(self, step, _device, _common):
            self.step, self.compiled, self.seen = step, step.compiled, None
            captures.append(self)

        def __call__(self, state, coefficients, batch, given):
            tensors = pytree.tree_leaves((state, given))
            self.seen = self.seen or tensors
            assert all(a is b for a, b in zip(self.seen, tensors, strict=True))
            return self.step(state, coefficients, batch, given)

    monkeypatch.setattr(stack_module, "_without_python", Captured)
    members = [make_member(f"{i}", **cell) for i, cell in enumerate(CELLS)]
    for size in (1, 2):
        stack = stack_of(members[:size])
        for member in members[2:]:
            stack.advance(1)
            stack.put(0, member.drawn(torch.float32))
        stack.advance(1)
        before = len(captures)
        stack.put(0, members[-1].drawn(torch.float32))
        stack.advance(1)
        assert len(captures) == before, "nothing that the step holds on to was replaced"
        stack.keep([*range(size)][::-1])
        stack.advance(1)
