"""The teacher-student task: its draws, its threshold, and training at a constant weight norm."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

from grok.checks.config import problems
from grok.composing import compose
from grok.engine.step import GROUPS
from grok.record.names import CURVES
from grok.tasks.teacher_student import TeacherStudent


@pytest.fixture
def student(make_member):
    def make(name="0", constrain=(), task=None, **settings):
        settings = {"lr": 1e-3, "wd": 0.0, "data": 0, "model": 1} | settings
        member = make_member(name, **settings)
        return dataclasses.replace(
            member,
            task=TeacherStudent(**(task or {})),
            constrain=constrain,
            phase=dataclasses.replace(member.phase, threshold=0.95),
        )

    return make


def plain_network():
    return torch.nn.Sequential(
        torch.nn.Linear(5, 100), torch.nn.Tanh(), torch.nn.Linear(100, 100), torch.nn.Tanh(),
        torch.nn.Linear(100, 5),
    )  # fmt: skip


def test_published_draws():
    """The teacher first, then train inputs, then validation inputs; the student apart."""
    torch.manual_seed(0)
    teacher = plain_network()
    inputs = torch.randn(100, 5), torch.randn(100, 5)
    train, val, _ = TeacherStudent().data(0)
    for batch, expected in zip((train, val), inputs, strict=True):
        assert torch.equal(batch["inputs"], expected)
        assert torch.equal(batch["targets"], teacher(expected))


def test_the_threshold_is_as_exact_as_the_run(student):
    exact = student().drawn(torch.float64).given.fixed["error_threshold"]
    assert exact.dtype == torch.float64
    assert exact.item() == 0.01


def test_drawing_leaves_the_generator_alone():
    before = torch.get_rng_state()
    TeacherStudent().data(0)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_sample_is_right_if_its_error_is_under_the_threshold():
    task = TeacherStudent(error_threshold=0.01)
    batch = {"targets": torch.zeros(3, 5), "error_threshold": torch.tensor(0.01)}
    outputs = torch.zeros(3, 5)
    outputs[1, 0], outputs[2, 0] = 0.2, 0.25  # mean squares 0.008 and 0.0125
    assert task.correct(outputs, batch).tolist() == [True, True, False]


@pytest.mark.parametrize("groups", [("decoder", "encoder"), ("decoder",)])
def test_rescaling_equals_a_projection_by_hand(groups, student, stack_of):
    """Each member's own plain loop of torch.optim.AdamW and a projection to its own norm."""
    members = [
        student(f"{i}", constrain=groups, wd=wd, task={"init_scale": scale})
        for i, (wd, scale) in enumerate([(0.0, 1.0), (0.5, 2.0), (1.0, 0.3)])
    ]
    stack = stack_of(members, torch.float64)
    metrics, _ = stack.advance(50)
    for slot, member in enumerate(members):
        network = member.task.network().double()
        network.load_state_dict(member.drawn(torch.float64).state.params)
        train = member.data(torch.float64).train
        held = [p for n, p in network.named_parameters() if n.split(".")[0] in groups]
        start = torch.cat([p.detach().flatten() for p in held]).norm()
        optimizer = torch.optim.AdamW(
            [
                {"params": network.encoder.parameters(), "lr": 1e-3, "weight_decay": 0.0},
                {"params": network.decoder.parameters(), "lr": 1e-3,
                 "weight_decay": member.opt.wd_dec},
            ]
        )  # fmt: skip
        for _ in range(50):
            loss = torch.nn.functional.mse_loss(network(train["inputs"]), train["targets"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                norm = torch.cat([p.flatten() for p in held]).norm()
                for p in held:
                    p *= start / norm
        for name, param in network.named_parameters():
            torch.testing.assert_close(stack.state.params[name][slot], param, rtol=1e-8, atol=1e-11)
        if len(groups) == len(GROUPS):
            norms = metrics["weight_norm"][:, slot].numpy()
            np.testing.assert_allclose(norms, start.item(), rtol=1e-12)


@pytest.mark.long
def test_the_norm_does_not_drift(student, train_members):
    member = student(constrain=GROUPS, budget=2000, early_stop=False)
    (record,) = train_members([member])
    norms = pd.read_csv(member.folder / CURVES)["weight_norm"]
    np.testing.assert_allclose(norms, record.weight_norm["initial"], rtol=1e-6)


def test_a_stack_equals_solo_runs_over_scale_and_threshold(student, train_members):
    cells = [
        {"task": {"init_scale": 0.5}},
        {"task": {"error_threshold": 0.1}, "wd": 0.3},
        {"task": {"init_scale": 2.0, "error_threshold": 0.05}, "model": 4, "data": 3},
    ]
    members = {
        where: [
            student(f"{where}/{i}", constrain=GROUPS, budget=600, **cell)
            for i, cell in enumerate(cells)
        ]
        for where in ("together", "alone")
    }
    options = ["trainer.precision=64-true"]
    stacked = train_members(members["together"], *options, size=2)
    solo = [train_members([member], *options)[0] for member in members["alone"]]
    assert len({record.t_train for record in solo}) > 1
    for a, b in zip(stacked, solo, strict=True):
        assert (a.t_train, a.t_val, a.steps) == (b.t_train, b.t_val, b.steps)
        assert a.final == pytest.approx(b.final, rel=1e-6)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("task.error_threshold=0", "task.error_threshold=0.0: must be over 0, such as 0.01"),
        ("task.depth=1", "task.depth=1: must be at least 2"),
        (
            "norm.groups=[all]",
            "norm.groups=['all']: must be [encoder], [decoder] or [encoder,decoder]",
        ),
    ],
)
def test_mistakes(override, message):
    assert problems(compose("task=teacher_student", override)) == [message]
