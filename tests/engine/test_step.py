import math

import pytest
import torch
from torch.utils import _pytree as pytree

from grok.composing import compose
from grok.engine.compiled import StackStep
from grok.engine.shared import Common
from grok.engine.stack import Stack
from grok.engine.step import METRICS, scaling
from grok.job import make_member


def one_step(member, stack_of):
    stack = stack_of([member], torch.float64)
    metrics, _ = stack.advance(1)
    weights = {name: param[0] for name, param in stack.state.params.items()}
    return {name: values.item() for name, values in metrics.items()}, weights


@pytest.mark.long
@pytest.mark.parametrize("activation", ["tanh", "relu", "leaky_relu"])
@pytest.mark.parametrize("objective", ["classification", "regression"])
def test_steps_equal_a_plain_loop(objective, activation, make_member, stack_of):
    """100 steps of plain modules, autograd and torch.optim.AdamW, in double precision."""
    member = make_member(objective=objective, activation=activation, lr=3e-3, wd=2.0)
    task, data = member.task, member.data(torch.float64)
    train = data.train | data.fixed
    network = task.network().double()
    network.load_state_dict(member.drawn(torch.float64).state.params)
    optimizer = torch.optim.AdamW(
        [
            {"params": network.encoder.parameters(), "lr": 1e-3, "weight_decay": 0.0},
            {"params": network.decoder.parameters(), "lr": 3e-3, "weight_decay": 2.0},
        ]
    )
    losses = []
    for _ in range(100):
        loss = task.loss_of(network(train["inputs"]), train)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    stack = stack_of([member, member], torch.float64)
    metrics, _ = stack.advance(100)
    assert metrics["train_loss"][:, 0].tolist() == pytest.approx(losses, rel=1e-9)
    for name, param in network.named_parameters():
        torch.testing.assert_close(stack.state.params[name][1], param, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("objective", ["classification", "regression"])
def test_train_is_measured_before_the_update_and_validation_after(objective, make_member, stack_of):
    member = make_member(objective=objective, lr=3e-2)
    metrics, after = one_step(member, stack_of)
    before = member.drawn(torch.float64).state.params
    task, data = member.task, member.data(torch.float64)
    train, val = (part | data.fixed for part in (data.train, data.val))
    network = task.network().double()
    network.load_state_dict(before)
    assert metrics["train_loss"] == pytest.approx(
        task.loss_of(network(train["inputs"]), train).item()
    )
    correct = task.correct(network(train["inputs"]), train)
    assert metrics["train_accuracy"] == pytest.approx(correct.double().mean().item())
    network.load_state_dict(after)
    assert metrics["val_loss"] == pytest.approx(task.loss_of(network(val["inputs"]), val).item())
    correct = task.correct(network(val["inputs"]), val)
    assert metrics["val_accuracy"] == pytest.approx(correct.double().mean().item())
    norm = torch.cat([weight.flatten() for weight in after.values()]).norm().item()
    assert metrics["weight_norm"] == pytest.approx(norm)


@pytest.mark.long
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("plain", [False, True])
def test_accuracies_are_counts_divided_in_double_precision(dtype, plain, make_member):
    """Single precision's 37 / 45 is another number, on the other side of a strict threshold."""
    member = make_member(objective="classification", lr=1e-3, wd=1.0)
    stack = Stack(member.task, [member.drawn(dtype)], torch.device("cpu"), False, plain)
    metrics, _ = stack.advance(300)
    for name, samples in (("train_accuracy", 45), ("val_accuracy", 10)):
        values = metrics[name][:, 0].tolist()
        assert set(values) <= {right / samples for right in range(samples + 1)}
        assert len(set(values)) > 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("plain", [False, True])
def test_scheduled_accuracies_are_too(dtype, plain, tmp_path):
    cfg = compose("task=mnist", "opt.lr_dec=1e-1", "opt.wd_dec=1")
    member = make_member(cfg, tmp_path, "mnist", {})
    stack = Stack(member.task, [member.drawn(dtype)], torch.device("cpu"), False, plain)
    metrics, _ = stack.advance(60)
    for name in ("train_accuracy", "val_accuracy"):
        values = metrics[name][4::5, 0].tolist()
        assert set(values) <= {right / 1000 for right in range(1001)}
        assert len(set(values)) > 5


def test_groups_have_their_own_learning_rate(make_member, stack_of):
    """The first step of AdamW moves every weight by its group's learning rate."""
    member = make_member(lr=1e-2, wd=0.0)
    _, after = one_step(member, stack_of)
    for name, weight in member.drawn(torch.float64).state.params.items():
        moved = (after[name] - weight).abs().max().item()
        assert moved == pytest.approx(1e-3 if name.startswith("encoder") else 1e-2, rel=1e-3)


@pytest.mark.parametrize(
    ("held", "norm", "scale"),
    [
        (2.0, 4.0, 0.5),
        (0.0, 0.0, 0.0),
        (2.0, 0.0, math.nan),
        (2.0, math.inf, math.nan),
        (2.0, math.nan, math.nan),
    ],
)
def test_a_norm_that_has_no_way_back_is_not_a_number(held, norm, scale):
    found = scaling(torch.tensor(held), torch.tensor(norm)).item()
    assert found == scale or (math.isnan(found) and math.isnan(scale))


def test_metrics_are_named_in_order():
    assert METRICS == ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "weight_norm")


def step_of(member, compiled):
    """The step of a stack of one, before it has been called."""
    drawn = member.drawn(torch.float32)
    given = len(pytree.tree_leaves(drawn.given))
    return StackStep(drawn.kind(member.task), 1, compiled, Common((), (True,) * given))


def test_without_a_compiler_it_says_so_and_goes_on(make_member, monkeypatch, caplog, stack_of):
    class NoCompilerError(RuntimeError):
        __module__ = "torch._inductor.exc"

    def no_compiler(*_args):
        raise NoCompilerError("backend raised:\nNo working C++ compiler found\nmore")

    monkeypatch.setattr(StackStep, "_compilable", lambda *_: no_compiler)
    member = make_member()
    step = step_of(member, compiled=True)
    monkeypatch.setattr("grok.engine.stack.stack_step", lambda *_, **__: step)
    stack = stack_of([member], compiled=True)
    stack.advance(3)
    assert stack.state.powers[0, 1].tolist() == pytest.approx([0.9**3, 0.999**3])
    assert not stack.compiled
    (message,) = caplog.messages
    assert "No working C++ compiler found" in message
    assert "engine.compile=false" in message


def test_an_error_of_the_task_is_not_taken_for_a_missing_compiler(
    make_member, monkeypatch, stack_of
):
    member = make_member()
    monkeypatch.setattr(type(member.task), "loss_of", lambda *_: 1 / 0)
    step = step_of(member, compiled=False)
    monkeypatch.setattr("grok.engine.stack.stack_step", lambda *_, **__: step)
    with pytest.raises(ZeroDivisionError):
        stack_of([member]).advance(1)
