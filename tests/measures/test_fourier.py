"""Frequencies of known embeddings and logits, and of a member trained in a stack."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
import torch

from grok.checks.config import problems
from grok.composing import compose
from grok.measures import FourierLosses, FourierPower
from grok.measures.measure import Snapshot
from grok.record.names import MEASURES
from grok.tasks.modular import Modular

P = 13


def wave(k, numbers):
    return torch.cos(2 * math.pi * k * numbers.double() / P)


def snapshot(logits, operation="add"):
    """A member whose outputs are a function of the pairs."""
    task = Modular(p=P, train_fraction=0.5, operation=operation)
    train, val = task.data(0)[:2]
    return Snapshot(task, {}, {}, {}, train, val, lambda _, batch: logits(batch["inputs"]))


def test_power_of_known_embeddings():
    numbers = torch.arange(P)
    two = torch.stack([3 * wave(2, numbers), wave(5, numbers) + 7, 0 * numbers.double()], 1)
    params = {"embed": torch.cat([two, torch.full((1, 3), 100.0)])}  # the last row is "="
    task = Modular(p=P)
    power = FourierPower().take(Snapshot(task, params, {}, params, {}, {}, None))["power"]
    assert power.shape == (P // 2,)
    expected = torch.zeros(P // 2, dtype=torch.float64)
    expected[2 - 1], expected[5 - 1] = 0.9, 0.1
    torch.testing.assert_close(power, expected)


def test_the_last_frequency_of_an_even_modulus_counts_once():
    """Waves of equal norm, of which the last has no negative frequency beside it."""
    numbers = torch.arange(6).double()
    waves = [torch.cos(2 * math.pi * k * numbers / 6) for k in (1, 3)]
    params = {"embed": torch.stack([wave / wave.norm() for wave in waves], 1)}
    power = FourierPower().take(Snapshot(Modular(p=6), params, {}, params, {}, {}, None))["power"]
    torch.testing.assert_close(power, torch.tensor([0.5, 0.0, 0.5], dtype=torch.float64))


@pytest.mark.parametrize(("operation", "sign"), [("add", 1), ("subtract", -1)])
def test_losses_of_known_logits(operation, sign):
    """Two waves of the result, and memories of single pairs, which belong to no frequency."""
    results = torch.arange(P)
    table = sum(4 * wave(k, results[:, None] - results) for k in (2, 5))
    labels_of = lambda pairs: (pairs[:, 0] + sign * pairs[:, 1]) % P  # noqa: E731

    member = snapshot(lambda pairs: table[labels_of(pairs)], operation)
    found = FourierLosses(frequencies=2).take(member)
    clean = torch.nn.functional.cross_entropy(table, results)
    assert found["restricted_loss"].item() == pytest.approx(clean.item())
    assert found["excluded_loss"].item() == pytest.approx(math.log(P))
    one = FourierLosses(frequencies=1).take(member)
    assert clean < one["restricted_loss"] < math.log(P)

    def memorised(pairs):
        known = torch.nn.functional.one_hot(labels_of(pairs), P).double()
        noise = torch.sin(100.0 * (pairs[:, :1] * P + pairs[:, 1:]) * torch.arange(1, P + 1))
        return table[labels_of(pairs)] + 20 * known + noise

    found = FourierLosses(frequencies=2).take(snapshot(memorised, operation))
    assert found["excluded_loss"] < 1e-3


@pytest.mark.long
@pytest.mark.parametrize("model", ["transformer", "mlp"])
def test_of_members_of_a_stack(model, make_member, train_members):
    """The same as of each alone."""
    task = Modular(p=P, train_fraction=0.5, width=8, hidden=16, model=model)
    options = ["trainer.precision=64-true", "measures=[fourier,fourier_losses]",
               "+measures.fourier_losses.every=40"]  # fmt: skip

    def member(name, scale, data):
        made = make_member(name, data=data, budget=80, early_stop=False)
        return dataclasses.replace(made, task=dataclasses.replace(task, init_scale=scale))

    members = [member("a", 0.5, 1), member("b", 1.0, 1), member("c", 1.0, 2)]
    train_members(members, *options)
    alone = member("alone", 1.0, 2)
    train_members([alone], *options)
    a, b, c, lone = (pd.read_csv(m.folder / MEASURES, index_col=0) for m in (*members, alone))
    assert c.index.tolist() == [0, 40, 80]
    assert not np.allclose(a, b)
    assert not np.allclose(b, c)
    np.testing.assert_allclose(c, lone, rtol=1e-7)
    arrays = np.load(members[0].folder / "fourier.npz")
    assert arrays["power"].shape == (len(arrays["steps"]), P // 2)
    np.testing.assert_allclose(arrays["power"].sum(1), 1)


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["task=modular", "task.operation=multiply"], "task: must be modular, with task.operation"),
        (["task=toy_regression"], "task: must be modular, with task.operation=add or subtract"),
        (["task=modular", "task.p=7"], "frequencies=5: there are 3 modulo 7"),
    ],
)
def test_mistakes_are_told_before_training(overrides, line):
    (found,) = problems(compose(*overrides, "measures=[fourier_losses]"))
    assert found.startswith(f"measures.fourier_losses.{line}")


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["task=mnist"], "task=MNIST: isn't modulo a p; leave this measure away"),
        (["task=modular", "task.operation=s5"], "task=Modular: isn't modulo a p"),
        (
            ["task=modular", "measures.fourier.parameter=position"],
            "parameter=position: must have a row for each of 113 numbers; its shape is (3, 128)",
        ),
    ],
)
def test_power_needs_numbers_modulo_p(overrides, line):
    (found,) = problems(compose(*overrides, "measures=[fourier]"))
    assert found.startswith(f"measures.fourier.{line}")
