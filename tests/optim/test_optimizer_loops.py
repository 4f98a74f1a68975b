"""Training with each optimizer, against a loop as anybody would write it with ``torch.optim``."""

import dataclasses
import functools
import itertools

import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR

from grok import job
from grok.composing import compose
from grok.engine.batches import minibatches
from grok.engine.stack import Stack
from grok.optim import SGD, Adam, AdamW

CPU = torch.device("cpu")
# narrow networks, for the time that they take; ordinary initial weights, for SGD
TASKS = {
    "toy_regression": ("task.width=40",),
    "toy_classification": ("task.width=40",),
    "teacher_student": ("task.width=40", "task.depth=2"),
    "mnist": (
        *("task.width=16", "task.depth=2", "task.init_scale=1"),
        *("task.train_size=500", "task.val_size=100", "task.batch_size=50"),
    ),
}
# each a stack whose members differ in every number
STACKS = {
    "adamw": (
        AdamW(lr_enc=1e-3, lr_dec=3e-4, wd_enc=0.0, wd_dec=1.0),
        AdamW(lr_enc=2e-3, lr_dec=1e-3, wd_enc=0.3, wd_dec=3.0, betas=(0.8, 0.98), eps=1e-6),
        AdamW(lr_enc=5e-4, lr_dec=2e-3, wd_enc=2, wd_dec=0.1, betas=(0.5, 0.9), eps=1e-3),
    ),
    "adam": (
        Adam(lr_enc=1e-3, lr_dec=3e-4, wd_enc=0.0, wd_dec=1e-2),
        Adam(lr_enc=2e-3, lr_dec=1e-3, wd_enc=1e-3, wd_dec=0.1, betas=(0.8, 0.98), eps=1e-6),
        Adam(lr_enc=5e-4, lr_dec=2e-3, wd_enc=2e-2, wd_dec=1e-4, betas=(0.5, 0.9), eps=1e-3),
    ),
    "sgd": (
        SGD(lr_enc=3e-2, lr_dec=1e-2, wd_enc=0.0, wd_dec=0.1),
        SGD(lr_enc=1e-2, lr_dec=2e-2, wd_enc=1e-2, wd_dec=0.01, momentum=0.5),
        SGD(lr_enc=5e-3, lr_dec=3e-3, wd_enc=1e-3, wd_dec=1e-4, momentum=0.9),
    ),
    "nesterov": (
        SGD(lr_enc=3e-2, lr_dec=1e-2, wd_enc=0.0, wd_dec=0.1, momentum=0.3, nesterov=True),
        SGD(lr_enc=1e-2, lr_dec=2e-2, wd_enc=1e-2, wd_dec=0.01, momentum=0.6, nesterov=True),
        SGD(lr_enc=5e-3, lr_dec=3e-3, wd_enc=1e-3, wd_dec=1e-4, momentum=0.9, nesterov=True),
    ),
}
# of each member of a stack: a gradient that is always clipped, sometimes (see below), and never
CHANGING = (
    {"warmup": 30, "clip": 0.01},
    {"schedule": "step", "period": 25, "gamma": 0.5},
    {"warmup": 10, "schedule": "cosine", "period": 60, "gamma": 0.2, "clip": 50},
)
DTYPES = {"float32": torch.float32, "float64": torch.float64}
ROUNDING = {torch.float32: 2e-6, torch.float64: 1e-10}
STEPS = {torch.float32: 80, torch.float64: 200}


@functools.cache
def member_of(task):
    return job.make_member(compose(f"task={task}", *TASKS[task]), ".", task, {})


def members_of(task, opts):
    """Members with other initial weights each, none of which are a teacher's."""
    member = member_of(task)
    seeds = [dataclasses.replace(member.seed, model=11 + i) for i in range(len(opts))]
    return [
        dataclasses.replace(member, opt=opt, seed=seed)
        for opt, seed in zip(opts, seeds, strict=True)
    ]


def namesake(opt, groups):
    """The optimizer of ``torch.optim``, with PyTorch's defaults for what isn't configured."""
    if isinstance(opt, SGD):
        return torch.optim.SGD(groups, momentum=opt.momentum, nesterov=opt.nesterov)
    kind = torch.optim.Adam if isinstance(opt, Adam) else torch.optim.AdamW
    return kind(groups, betas=tuple(map(float, opt.betas)), eps=opt.eps)


def loop(member, dtype, *steps):
    """The parameters after each of `steps`, and the norm of the gradient at each step."""
    torch.manual_seed(member.seed.model)
    network, opt = member.task.network().to(dtype), member.opt
    with torch.no_grad():
        for param in network.parameters():
            param.mul_(member.task.init_scale)
    groups = (network.encoder, opt.lr_enc, opt.wd_enc), (network.decoder, opt.lr_dec, opt.wd_dec)
    optimizer = namesake(
        opt,
        [{"params": part.parameters(), "lr": lr, "weight_decay": wd} for part, lr, wd in groups],
    )
    scheduler = LambdaLR(optimizer, opt.lr_factor)  # see test_schedule.py
    data, batches = member.data(dtype), member.drawn(dtype).batches
    if batches is not None:
        epochs = -(-max(steps) // batches.per_epoch)
        rows = minibatches(batches.orders(0, epochs), batches.size)
    found, norms = [], []
    for step in range(max(steps)):
        batch = data.train
        if batches is not None:
            batch = {name: tensor[rows[step]] for name, tensor in batch.items()}
        optimizer.zero_grad()
        member.task.loss_of(network(batch["inputs"]), batch).backward()
        if opt.clip is not None:
            norm = torch.nn.utils.clip_grad_norm_(network.parameters(), opt.clip)
            norms.append(norm.item())
        optimizer.step()
        scheduler.step()
        if step + 1 in steps:
            params = network.named_parameters()
            found.append({name: param.detach().clone() for name, param in params})
    return *found, norms


def stack_of(members, dtype, plain=False):
    drawn = [member.drawn(dtype) for member in members]
    return Stack(members[0].task, drawn, CPU, compiled=False, plain=plain)


def assert_equal(stack, slot, params, rounding=0.0):
    assert stack.state.params.keys() == params.keys()
    for name, param in params.items():
        mine = stack.state.params[name][slot]
        if rounding:
            torch.testing.assert_close(mine, param, rtol=rounding, atol=rounding)
        else:
            assert torch.equal(mine, param), name


@pytest.mark.long
@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("opts", STACKS.values(), ids=STACKS)
def test_every_member_of_a_stack_equals_a_loop(opts, task, dtype):
    """And on the plain path, where it is alone, to the bit."""
    members, first, last = members_of(task, opts), 30, STEPS[dtype]
    stack = stack_of(members, dtype)
    stack.advance(last)
    for slot, member in enumerate(members):
        soon, later, _ = loop(member, dtype, first, last)
        assert_equal(stack, slot, later, ROUNDING[dtype])
        plain = stack_of([member], dtype, plain=True)
        plain.advance(first)
        assert_equal(plain, 0, soon)


@pytest.mark.long
@pytest.mark.parametrize("constrain", [(), ("encoder", "decoder")], ids=["free", "held"])
@pytest.mark.parametrize("name", STACKS)
def test_compiled_steps_equal_the_others(name, constrain):
    """Whatever the optimizer: recorded, not merely compiled, so that empty slots cost nothing."""
    opts = [
        dataclasses.replace(opt, **{"clip": 1.0} | each)
        for opt, each in zip(STACKS[name], CHANGING, strict=True)
    ]
    members = [
        dataclasses.replace(member, constrain=constrain)
        for member in members_of("toy_regression", opts)
    ]
    drawn = [member.drawn(torch.float64) for member in members]
    eager, compiled = (
        Stack(members[0].task, drawn, CPU, compiled=flag, plain=False) for flag in (False, True)
    )
    eager.advance(60)
    compiled.advance(60)
    assert compiled.compiled
    assert compiled.leaves_out_empty
    for param, expected in eager.state.params.items():
        torch.testing.assert_close(compiled.state.params[param], expected, rtol=1e-10, atol=1e-10)


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "task", "clip"),
    [
        ("adamw", "toy_regression", 0.03),
        ("adamw", "mnist", 0.1),
        ("adam", "toy_regression", 0.12),
        ("adam", "mnist", 0.1),
        ("nesterov", "toy_regression", 0.24),
        ("nesterov", "mnist", 0.15),
    ],
)
def test_schedules_and_clipping_equal_those_of_a_loop(name, task, clip):
    """With another schedule, period, warm-up and norm for each member of a stack."""
    opts = [
        dataclasses.replace(opt, **{"clip": clip} | each)
        for opt, each in zip(STACKS[name], CHANGING, strict=True)
    ]
    members, dtype = members_of(task, opts), torch.float64
    stack = stack_of(members, dtype)
    stack.advance(40)
    stack.advance(60)
    shares = []
    for slot, member in enumerate(members):
        params, norms = loop(member, dtype, 100)
        assert_equal(stack, slot, params, 1e-10)
        plain = stack_of([member], dtype, plain=True)
        plain.advance(40)
        (state,) = plain.states([0])
        again = stack_of([member], dtype, plain=True)
        again.restore(0, state, 40)  # as from a checkpoint
        again.advance(60)
        assert_equal(again, 0, params)
        shares.append(sum(norm > member.opt.clip for norm in norms) / len(norms))
    always, sometimes, never = shares
    assert always == 1
    assert 0.05 < sometimes < 0.95
    assert never == 0


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("name", ["adam", "nesterov"])
def test_a_slot_handed_on_begins_its_own_schedule(name, plain):
    opts = [
        dataclasses.replace(opt, warmup=10, schedule="step", period=15, clip=0.3)
        for opt in STACKS[name]
    ]
    first, second, third = members_of("toy_regression", opts)
    dtype, rounding = torch.float64, 0.0 if plain else 1e-10
    stack = stack_of([first] if plain else [first, second], dtype, plain)
    stack.advance(20)
    stack.put(0, third.drawn(dtype))
    stack.advance(30)
    assert_equal(stack, 0, loop(third, dtype, 30)[0], rounding)
    if not plain:
        assert_equal(stack, 1, loop(second, dtype, 50)[0], rounding)


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "settings", "lrs", "decays"),
    [
        (AdamW, {"lr_enc": 1e-2}, (5e-3, 1e-2, 2e-2), (0.0, 0.3, 1.0, 3.0)),
        (Adam, {"lr_enc": 1e-2}, (5e-3, 1e-2, 2e-2), (0.0, 1e-4, 1e-3, 2e-3)),
        (SGD, {"lr_enc": 0.3, "momentum": 0.95}, (0.4, 0.6, 0.8), (0.0, 1e-3, 3e-3, 1e-2)),
    ],
)
def test_a_grid_has_the_same_phases_however_it_is_stacked(
    kind, settings, lrs, decays, tmp_path, train_members
):
    opts = [kind(lr_dec=lr, wd_dec=wd, **settings) for lr, wd in itertools.product(lrs, decays)]
    member = member_of("toy_regression")
    phase = dataclasses.replace(member.phase, threshold=0.6, budget=120, grokking_gap=15)

    def trained(name, chosen, *overrides, size):
        members = [
            dataclasses.replace(member, folder=tmp_path / name / str(i), opt=opts[i], phase=phase)
            for i in chosen
        ]
        options = ("trainer.precision=64-true", "engine.steps_per_call=20", *overrides)
        return dict(zip(chosen, train_members(members, *options, size=size), strict=True))

    everyone = range(len(opts))
    expected = trained("all", everyone, size=12)
    ways = [
        trained("five", everyone, size=5),
        trained("alone", everyone[::6], size=1),
        trained("plain", everyone, "engine.plain=true", size=1),
    ]
    assert len({record.phase for record in expected.values()}) == 4
    assert len({record.steps for record in expected.values()}) >= 5
    for records in ways:
        for i, record in records.items():
            other = expected[i]
            assert (record.t_train, record.t_val) == (other.t_train, other.t_val)
            assert (record.phase, record.steps) == (other.phase, other.steps)
            assert record.stop_reason == other.stop_reason
            assert record.final == pytest.approx(other.final, rel=1e-8)
