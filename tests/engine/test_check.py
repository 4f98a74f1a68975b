"""A compiled step that isn't what it was compiled from is found, and only such a one."""

import copy
import dataclasses

import pytest
import torch
from torch.utils import _pytree as pytree

from grok.composing import compose
from grok.engine import compiled as compiled_module
from grok.engine.check import agreement, upheld
from grok.engine.compiled import StackStep
from grok.engine.stack import Stack
from grok.engine.step import State, member_step
from grok.engine.tensors import copy_into, in_place
from grok.job import make_member as member_of
from grok.job import setup
from grok.optim.coefficients import table
from grok.record.record import read_record
from grok.tasks.model import Model
from grok.training import train
from tests.tasks.examples import Sign

CELLS = [  # task, initial scale, learning rate, whether the norm is constrained
    ("toy_regression", 1e-3, 1e-3, True),
    ("toy_regression", 1.0, 1e-5, False),
    ("toy_classification", 0.1, 1.0, False),
    ("toy_classification", 9.0, 1e-3, True),
    ("teacher_student", 1.0, 3e-4, False),
    ("teacher_student", 10.0, 60.0, True),
    ("mnist", 9.0, 1e-6, False),
    ("mnist", 1.0, 60.0, False),
    ("mnist", 1e-3, 1e-3, True),
]


def started(task, scale, lr, constrain, tmp_path, trained=0, decay=0.0):
    """A step in single precision: its kind, its model and what it is taken with."""
    sizes = (f"task.init_scale={scale}", f"opt.lr_dec={lr}", f"opt.wd_dec={decay}")
    cfg = compose(f"task={task}", *sizes)
    member = member_of(cfg, tmp_path, task, {})
    constrain = ("encoder", "decoder") if constrain else ()
    drawn = dataclasses.replace(member, constrain=constrain).drawn(torch.float32)
    state = drawn.state
    if trained:
        stack = Stack(member.task, [drawn], torch.device("cpu"), compiled=False, plain=True)
        stack.advance(stack.whole_epochs(trained))
        state = State(**stack.states([0])[0])
    hyper = {name: value[None] for name, value in drawn.opt.hyper().items()}
    factors = torch.ones(1, 1, 1, dtype=torch.float64)
    coefficients, _ = table(drawn.opt, hyper, state.powers[None], factors, torch.float32)
    batch, given = {}, drawn.given
    if drawn.batches is not None:
        rows = drawn.batches.orders(0, 1)[0, : drawn.batches.size]
        batch = {name: tensor[rows] for name, tensor in given.train.items()}
        given = given._replace(train={}, val={})
    return drawn.kind(member.task), Model(member.task), (state, coefficients[0, 0], batch, given)


def exactly(kind, model, arguments):
    """The step in double precision, its weights and moments rounded to single."""
    exact = pytree.tree_map(lambda t: t.double() if t.is_floating_point() else t, arguments)
    after, metrics = member_step(kind, copy.deepcopy(model).double(), *exact)
    return pytree.tree_map(torch.Tensor.float, after), metrics


def stepped(*cell, **more):
    """A step's state before and after, what it measured, and what checks it."""
    kind, model, arguments = started(*cell, **more)
    after, metrics = exactly(kind, model, arguments)

    def check(after, metrics):
        state, *others = arguments
        return agreement(kind, model, state, after, metrics, *others).tolist()

    return arguments[0], after, metrics, check


@pytest.mark.parametrize("cell", CELLS)
def test_rounding_is_no_mistake(cell, tmp_path):
    _, after, metrics, check = stepped(*cell, tmp_path)
    assert check(after, metrics) == [True, True]


def test_nor_where_decay_takes_back_what_the_gradient_gives(tmp_path):
    """Weights go 464 one way and about as far the other (Re-TUG, Figure 5, upper right)."""
    rate, decay = 464.0, 10.0
    before, after, metrics, check = stepped("mnist", 9.0, rate, False, tmp_path, decay=decay)
    for sign in (-1, 1):
        moved = copy.deepcopy(after)
        for name, param in moved[0].items():
            if not name.startswith("encoder"):
                unit = torch.finfo(torch.float32).eps
                param += sign * unit * rate * decay * before.params[name].abs()
        assert check(moved, metrics) == [True, True]


@pytest.mark.long
@pytest.mark.parametrize("steps", [500, 2200, 3000])
def test_nor_where_little_is_left_to_learn(steps, tmp_path):
    """Gradients are differences of nearly equal numbers there."""
    cell = ("toy_classification", 1.0, 1e-2, False)
    _, after, metrics, check = stepped(*cell, tmp_path, trained=steps)
    assert steps < 3000 or metrics[0].item() < 1e-3
    assert check(after, metrics) == [True, True]


def test_nor_which_side_of_a_kink_a_number_lies_on(tmp_path):
    """A ReLU gets nothing but rounding for one image: its unit learns from it, or doesn't."""
    kind, model, (state, *others) = started("mnist", 9.0, 1e-2, False, tmp_path, trained=20)
    weight, bias = state.params["encoder.0.weight"], state.params["encoder.0.bias"]
    inputs = others[1]["inputs"][0].double() @ weight.double().T + bias
    unit = int(inputs.argmax())
    sides = []
    for side in (-1, 1):
        there = bias.clone()
        there[unit] -= inputs[unit].float() - side * 1e-4
        sides.append(state._replace(params=state.params | {"encoder.0.bias": there}))

    def agree(before, after, metrics, *others):
        before, after = in_place((before, after), 0)
        return agreement(kind, model, before, after, metrics[0], *others)[None]

    def step(stack, *others):
        """As from the other side, at the kink; as it should be elsewhere."""
        near = (stack.params["encoder.0.bias"] - sides[0].params["encoder.0.bias"]).norm() < 1e-3
        start = sides[1] if near else in_place(stack, 0)
        moved, metrics = exactly(kind, model, (start, *others))
        copy_into(in_place(stack[:2], 0), moved)
        return metrics[None]

    def wrong(stack, *others):
        metrics = step(stack, *others)
        stack.params["encoder.0.bias"][0, unit] += 1e-2
        return metrics

    for taken, right in ((step, True), (wrong, False)):
        before = pytree.tree_map(lambda tensor: tensor[None], sides[0])
        stack = pytree.tree_map(torch.clone, before)
        metrics = taken(stack, *others)
        assert agree(before, stack[:2], metrics, *others).tolist() == [[False, True]]
        assert upheld(taken, agree, before, stack[:2], metrics, *others).tolist() == [right, True]


@pytest.mark.parametrize("cell", [CELLS[i] for i in (1, 3, 4, 5, 7)])
def test_a_tenth_of_a_step_is(cell, tmp_path):
    """Of what any tensor moved by, of a loss or the norm, or of the samples.

    In the other cells some gradients or steps are so small that rounding does as much.
    """
    before, after, metrics, check = stepped(*cell, tmp_path)
    leaves, structure = pytree.tree_flatten(after)
    for i, (tensor, old) in enumerate(zip(leaves, pytree.tree_leaves(before[:2]), strict=True)):
        wrong = [*leaves]
        wrong[i] = tensor + 0.1 * (tensor - old)
        assert check(pytree.tree_unflatten(wrong, structure), metrics)[0] is False, i
    for i, change in ((0, 0.01), (1, 30), (4, 0.01)):
        wrong = metrics.clone()
        wrong[i] += change * (1 + wrong[i])
        assert check(after, wrong) == [True, False]


def miscompiling(monkeypatch, mistake):
    def compile_wrongly(step, _device):
        def wrong(state, coefficients, batch, given):
            before = pytree.tree_map(torch.clone, state)
            metrics = step._advance(state, coefficients, batch, given)
            return mistake(before, state, metrics)

        return wrong

    monkeypatch.setattr(StackStep, "_compilable", compile_wrongly)
    monkeypatch.setattr(compiled_module, "prepare", lambda: None)
    monkeypatch.setattr(
        "grok.engine.stack.stack_step", lambda kind, tensors, **of: StackStep(kind, **of)
    )


def swapped(before, state, metrics):
    """The second member gets the first one's weights."""
    for param in state.params.values():
        param[1] = param[0]
    return metrics


def late(before, state, metrics):
    """Weights move by two per cent too little."""
    for name, param in state.params.items():
        param += 0.02 * (before.params[name] - param)
    return metrics


def lost(before, state, metrics):
    """A validation loss that is none."""
    metrics[:, 2] = 0
    return metrics


@pytest.mark.long
@pytest.mark.parametrize(
    ("mistake", "what"),
    [(swapped, "weights and metrics"), (late, "weights and metrics"), (lost, "metrics")],
)
def test_a_miscompiled_step_is_found_and_not_taken(
    mistake, what, make_member, train_members, monkeypatch, caplog
):
    members = [make_member(f"a{i}", model=i, budget=60) for i in range(2)]
    same = [make_member(f"b{i}", model=i, budget=60) for i in range(2)]
    expected = train_members(same, "engine.compile=false")
    miscompiling(monkeypatch, mistake)
    cfg = compose("engine.steps_per_call=50")
    train(members, setup(cfg), size=2)
    records = [read_record(member.folder) for member in members]
    assert [record.final for record in records] == [record.final for record in expected]
    assert not any(record.compiled for record in records)
    (message,) = caplog.messages
    assert message.startswith(
        f"PyTorch {torch.__version__} compiles the training step wrongly here: its {what} aren't "
        "those of the same step uncompiled; going on uncompiled, slower."
    )


def test_what_cannot_be_checked_is_not_taken_compiled(make_member, stack_of, monkeypatch, caplog):
    def unable(*_arguments):
        raise RuntimeError("no such operation")

    monkeypatch.setattr(compiled_module, "agreement", unable)
    miscompiling(monkeypatch, late)
    one, other = (stack_of([make_member()], compiled=compiled) for compiled in (True, False))
    taken, expected = one.advance(5)[0], other.advance(5)[0]
    assert not one.compiled
    for name, values in expected.items():
        assert torch.equal(taken[name], values), name
    (message,) = caplog.messages
    assert "can't check the compiled training step (no such operation); going on unc" in message


@dataclasses.dataclass(frozen=True)
class Closed(Sign):
    """Its network's way is a closure over its layers."""

    def network(self):
        chain = super().network()
        chain.forward = lambda inputs: chain.decoder(chain.encoder(inputs))
        return chain


def test_a_network_that_is_a_closure_is_checked(make_member, monkeypatch, caplog):
    """A copy of it would call the layers that it was copied from."""
    miscompiling(monkeypatch, lambda _, __, metrics: metrics)
    member = dataclasses.replace(make_member(), task=Closed())
    stack = Stack(member.task, [member.drawn(torch.float32)], torch.device("cpu"), compiled=True)
    stack.advance(2)
    assert stack.compiled
    assert caplog.messages == []


def test_a_step_is_checked_once(make_member, stack_of, monkeypatch):
    calls = []
    monkeypatch.setattr(compiled_module, "agreement", lambda *_: calls.append(1) or torch.ones(2))
    miscompiling(monkeypatch, lambda _, __, metrics: metrics)
    stack_of([make_member()], compiled=True).advance(5)
    assert len(calls) == 1
