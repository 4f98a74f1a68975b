"""The published draws: split, target vectors, initial weights; losses and accuracies by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from grok.engine import Member
from grok.optim import AdamW
from grok.schema import PhaseRule, Seed
from grok.tasks.toy import ToyAddition

# The validation pairs (a, b) that scikit-learn's train_test_split(train_size=45/55) holds out.
HELD_OUT = {
    41: [(4, 8), (3, 3), (0, 4), (9, 9), (1, 8), (5, 9), (0, 5), (4, 4), (0, 8), (2, 3)],
    42: [(3, 7), (2, 2), (4, 7), (3, 4), (4, 5), (4, 9), (5, 8), (5, 6), (7, 8), (2, 4)],
    43: [(3, 7), (1, 6), (3, 8), (8, 8), (4, 7), (4, 5), (3, 4), (3, 5), (5, 7), (2, 2)],
}


def pairs_of(batch):
    return [tuple(pair) for pair in batch["inputs"].tolist()]


@pytest.mark.parametrize("seed", HELD_OUT)
def test_the_published_split(seed):
    train, val, _ = ToyAddition().data(seed)
    assert pairs_of(val) == HELD_OUT[seed]
    assert len(train["inputs"]) == 45
    everything = sorted(pairs_of(train) + pairs_of(val))
    assert everything == sorted((a, b) for b in range(10) for a in range(b + 1))
    assert (train["labels"] == train["inputs"].sum(1)).all()


def test_pairs_are_listed_by_their_larger_digit(monkeypatch):
    class InOrder:
        def __init__(self, seed):
            pass

        def permutation(self, n):
            return np.arange(n)

    monkeypatch.setattr(np.random, "RandomState", InOrder)
    train, val, _ = ToyAddition().data(0)
    first = [(0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2), (0, 3), (1, 3), (2, 3), (3, 3), (0, 4)]
    assert (pairs_of(val) + pairs_of(train))[:11] == first


@pytest.mark.parametrize("seed", [41, 42, 43])
def test_target_vectors_are_the_generators_first_draw(seed):
    torch.manual_seed(seed)
    expected = torch.randn(19, 30)
    _, val, fixed = ToyAddition().data(seed)
    assert torch.equal(fixed["vectors"], expected)
    assert torch.equal(val["targets"], expected[val["labels"]])


@pytest.mark.parametrize("objective", ["classification", "regression"])
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_initial_weights_are_those_of_plain_modules(objective, scale):
    torch.manual_seed(102)
    embedding = nn.Embedding(10, 1)
    nn.init.uniform_(embedding.weight, -0.5, 0.5)
    outputs = 19 if objective == "classification" else 30
    layers = [nn.Linear(1, 200), nn.Linear(200, 200), nn.Linear(200, outputs)]
    expected = [p * scale for module in (embedding, *layers) for p in module.parameters()]
    before = torch.get_rng_state()
    task = ToyAddition(objective=objective, init_scale=scale)
    phase = PhaseRule(0.9, 0, 1, 1, True)
    member = Member(None, task, AdamW(lr_enc=0, lr_dec=0), phase, Seed(42, 102))
    weights = list(member.drawn(torch.float32).state.params.values())
    assert all(torch.equal(a, b) for a, b in zip(weights, expected, strict=True))
    assert torch.equal(torch.get_rng_state(), before), "the caller's generator moved"


@pytest.mark.parametrize(("activation", "at_minus_2"), [("relu", 0.0), ("leaky_relu", -0.2)])
def test_activations(activation, at_minus_2):
    network = ToyAddition(activation=activation).network()
    assert network.decoder[1](torch.tensor(-2.0)).item() == pytest.approx(at_minus_2)
    assert isinstance(ToyAddition().network().decoder[3], nn.Tanh)


def test_output_is_the_decoder_of_the_sum_of_embeddings():
    network = ToyAddition().network()
    expected = network.decoder(network.encoder.weight[3] + network.encoder.weight[8])
    assert torch.allclose(network(torch.tensor([[3, 8]]))[0], expected)


def test_regression_predicts_the_nearest_target():
    task = ToyAddition()
    data = task.data(42)
    val = data.val | data.fixed
    outputs = val["targets"] + 0.01 * torch.randn(val["targets"].shape)
    assert task.correct(outputs, val).tolist() == [True] * 10
    outputs[0] = val["vectors"][(val["labels"][0] + 1) % 19]
    assert task.correct(outputs, val).tolist() == [False] + [True] * 9
    random = torch.randn(10, 30)
    nearest = torch.cdist(random, val["vectors"]).argmin(1)
    assert torch.equal(task.correct(random, val), nearest == val["labels"])


def test_regression_loss_is_the_mean_over_all_elements():
    task = ToyAddition()
    train, _, _ = task.data(42)
    shifted = train["targets"].clone()
    shifted[0, 0] += 3.0
    assert task.loss_of(shifted, train).item() == pytest.approx(9.0 / (45 * 30))


def test_classification_loss_and_accuracy():
    task = ToyAddition(objective="classification")
    train, _, _ = task.data(42)
    assert task.loss_of(torch.zeros(45, 19), train).item() == pytest.approx(np.log(19))
    logits = torch.zeros(45, 19)
    logits[:, 9] = 1.0
    assert torch.equal(task.correct(logits, train), train["labels"] == 9)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"p": 1}, "task.p=1: its 1 pairs can't be split"),
        ({"p": 0}, "task.p=0: its 0 pairs can't be split"),
        ({"p": 2, "train_fraction": 0.1}, "task.p=2: its 3 pairs can't be split"),
        ({"train_fraction": 1.0}, "task.train_fraction=1"),
        ({"activation": "gelu"}, "task.activation=gelu: must be one of tanh, relu, leaky_relu"),
        ({"objective": "ranking"}, "task.objective=ranking: must be one of"),
        ({"width": 0}, "task.width=0: must be at least 1"),
        ({"init_scale": -1.0}, "task.init_scale=-1.0: must be a number of at least 0"),
    ],
)
def test_settings_out_of_range(settings, problem):
    found = list(ToyAddition(**settings).problems())
    assert len(found) == 1
    assert problem in found[0]


def test_other_sizes():
    task = ToyAddition(p=5, train_fraction=0.5)
    assert list(task.problems()) == []
    train, val, fixed = task.data(1)
    assert (len(train["inputs"]), len(val["inputs"])) == (7, 8)
    assert fixed["vectors"].shape == (9, 30)
