"""The plain path: to the bit a loop with torch.optim.AdamW, and the way of what can't be mapped."""

import dataclasses

import pandas as pd
import pytest
import torch
from torch import nn

from grok import job
from grok.composing import compose
from grok.engine.batches import minibatches, one_order
from grok.engine.stack import Stack
from grok.errors import UserError
from grok.job import setup
from grok.record.names import CURVES
from grok.record.record import read_record
from grok.training import train
from tests.tasks.examples import Majority, Reader
from tests.tasks.small import SMALL

CPU = torch.device("cpu")
DTYPES = {"32-true": torch.float32, "64-true": torch.float64}


def member_of(folder, *overrides):
    return job.make_member(compose(*overrides), folder, "plain", {})


def plain_loop(member, dtype, steps):
    """The parameters after a loop as anybody would write it, with PyTorch's defaults."""
    torch.manual_seed(member.seed.model)
    network, opt = member.task.network().to(dtype), member.opt
    with torch.no_grad():
        for param in network.parameters():
            param.mul_(member.task.init_scale)
    parts = {"encoder": [], "decoder": []}
    for name, param in network.named_parameters():
        parts[member.task.group(name)].append(param)
    groups = [
        {"params": parts["encoder"], "lr": opt.lr_enc, "weight_decay": opt.wd_enc},
        {"params": parts["decoder"], "lr": opt.lr_dec, "weight_decay": opt.wd_dec},
    ]
    groups = [group for group in groups if group["params"]]
    optimizer = torch.optim.AdamW(groups, betas=tuple(opt.betas), eps=opt.eps)
    data, batches = member.data(dtype), member.drawn(dtype).batches
    if batches is not None:
        rows = minibatches(batches.orders(0, steps // batches.per_epoch), batches.size)
    for step in range(steps):
        batch = data.train
        if batches is not None:
            batch = {name: tensor[rows[step]] for name, tensor in batch.items()}
        batch = batch | data.fixed
        loss = member.task.loss_of(member.task.outputs_of(network, batch), batch)
        optimizer.zero_grad()
        loss.backward()
        if opt.clip is not None:
            torch.nn.utils.clip_grad_norm_(network.parameters(), opt.clip)
        optimizer.step()
    return dict(network.named_parameters())


@pytest.mark.long
@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize("task", SMALL)
def test_equal_to_the_bit_after_500_steps(task, precision, tmp_path):
    settings = ["opt.lr_dec=2e-3", "opt.wd_dec=1.5", "opt.wd_enc=0.1", "opt.betas=[0.9,0.98]"]
    member, dtype = member_of(tmp_path, f"task={task}", *SMALL[task], *settings), DTYPES[precision]
    stack = Stack(member.task, [member.drawn(dtype)], CPU, compiled=False, plain=True)
    stack.advance(100)
    (state,) = stack.states([0])
    again = Stack(member.task, [member.drawn(dtype)], CPU, compiled=False, plain=True)
    again.restore(0, state, 100)  # as from a checkpoint
    again.advance(400)
    for name, param in plain_loop(member, dtype, 500).items():
        assert torch.equal(again.state.params[name][0], param)


def test_a_slot_is_handed_on(make_member):
    first, second = make_member("a"), make_member("b", lr=3e-3, wd=0.0, model=101, betas=(0.8, 0.9))
    stack = Stack(first.task, [first.drawn(torch.float32)], CPU, compiled=False, plain=True)
    stack.advance(20)
    stack.put(0, second.drawn(torch.float32))
    stack.advance(50)
    for name, param in plain_loop(second, torch.float32, 50).items():
        assert torch.equal(stack.state.params[name][0], param)


def test_a_constrained_norm_is_kept(make_member):
    member = dataclasses.replace(make_member(lr=1e-2, wd=0.0), constrain=("decoder",))
    drawn = member.drawn(torch.float64)
    stacks = [
        Stack(member.task, [drawn], CPU, compiled=False, plain=plain) for plain in (True, False)
    ]
    for stack in stacks:
        stack.advance(100)
    plain, mapped = (stack.state.params for stack in stacks)
    for name, param in plain.items():
        torch.testing.assert_close(param, mapped[name], rtol=1e-9, atol=1e-12)
    held = torch.cat([p.flatten() for name, p in plain.items() if name.startswith("decoder")])
    assert held.norm().item() == pytest.approx(drawn.state.norm.item(), rel=1e-12)


@pytest.mark.long
@pytest.mark.parametrize("task", ["toy_classification", "teacher_student", "mnist"])
def test_measured_as_a_stack_measures(task, tmp_path):
    settings = [f"task={task}", "phase.budget=300", "trainer.precision=64-true"]
    records, curves = [], []
    for plain in ("true", "false"):
        options = [*settings, f"engine.plain={plain}", "engine.compile=false"]
        member = member_of(tmp_path / plain, *options)
        train([member], setup(compose(*options)))
        records.append(read_record(member.folder))
        curves.append(pd.read_csv(member.folder / CURVES))
    ours, theirs = records
    assert (ours.t_train, ours.t_val, ours.steps) == (theirs.t_train, theirs.t_val, theirs.steps)
    assert (ours.phase, ours.stop_reason) == (theirs.phase, theirs.stop_reason)
    for part in ("final", "best"):
        assert getattr(ours, part) == pytest.approx(getattr(theirs, part), rel=1e-6)
    assert ours.weight_norm["final"] == pytest.approx(theirs.weight_norm["final"], rel=1e-9)
    pd.testing.assert_frame_equal(*curves, rtol=1e-6)
    assert not ours.compiled


def test_a_network_that_cannot_be_mapped(make_member):
    """Trains in turn, through ordinary autograd, whatever the size asked for."""
    members = [
        dataclasses.replace(
            make_member(str(i), lr=1e-2, wd=0.0, model=i, budget=250), task=Majority()
        )
        for i in range(3)
    ]
    train(members, setup(compose("callbacks.curves.points=5")), size=3)
    for member in members:
        record = read_record(member.folder)
        assert record.best["train_accuracy"] >= 0.9
        stack = Stack(member.task, [member.drawn(torch.float32)], CPU, compiled=False, plain=True)
        metrics, _ = stack.advance(record.steps)
        assert record.final["train_loss"] == metrics["train_loss"][-1, 0].item()
        loop = plain_loop(member, torch.float32, record.steps)
        for name, param in loop.items():
            assert torch.equal(stack.state.params[name][0], param)


class Headless(Reader):
    """With a module that is in no group."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(2, 2)


def test_a_parameter_in_no_group_is_refused(make_member, monkeypatch):
    monkeypatch.setattr(Majority, "network", lambda _: Headless())
    member = dataclasses.replace(make_member(), task=Majority())
    with pytest.raises(UserError, match=r"the parameter head.weight of its network is in no group"):
        member.drawn(torch.float32)


def test_perturbed_weights(make_member):
    """Relative noise of one part in ten million, another for each seed, and nothing else."""
    plain, *perturbed = (
        dataclasses.replace(member, seed=dataclasses.replace(member.seed, perturb=n)).drawn(
            torch.float64
        )
        for n, member in ((n, make_member(str(n))) for n in (0, 1, 2))
    )
    for drawn in perturbed:
        ratios = torch.cat(
            [(p / plain.state.params[name] - 1).flatten() for name, p in drawn.state.params.items()]
        )
        assert ratios.std().item() == pytest.approx(1e-7, rel=0.05)
        assert abs(ratios.mean().item()) < 2e-9
        assert torch.equal(drawn.given.train["inputs"], plain.given.train["inputs"])
    first, second = (drawn.state.params["decoder.0.weight"] for drawn in perturbed)
    assert not torch.equal(first, second)


def test_perturbed_minibatches_are_the_same():
    batches = [
        member_of(".", "task=mnist", f"seed.perturb={n}").drawn(torch.float64).batches
        for n in (0, 1)
    ]
    assert one_order(batches, [0, 0])
    assert torch.equal(*(each.orders(0, 20) for each in batches))
