"""Toy addition from a given representation: what it is made of, and what may be asked."""

import pytest
import torch
from hydra.utils import instantiate

from grok.checks.config import problems
from grok.composing import compose
from grok.job import make_member, setup
from grok.record.record import read_record
from grok.tasks.toy_representation import ToyRepresentation
from grok.training import train


@pytest.mark.parametrize("representation", ["unit", "integers", "code"])
def test_messiness_mixes_a_line_and_a_random_representation(representation):
    def of(m):
        task = ToyRepresentation(messiness=m, representation=representation)
        return task._digits(torch.Generator().manual_seed(58))

    line, random = of(0.0), of(1.0)
    torch.testing.assert_close(of(0.3), 0.7 * line + 0.3 * random)
    steps = line[1:, 0] - line[:-1, 0]
    torch.testing.assert_close(steps, steps[:1].expand(9))
    expected = {"unit": (10, 1), "integers": (10, 1), "code": (10, 2)}
    assert line.shape == random.shape == expected[representation]
    if representation == "unit":
        assert line.mean().abs() < 1e-6
        assert line.square().mean().item() == pytest.approx(1)
    if representation == "integers":
        assert line[:, 0].tolist() == list(range(10))
    if representation == "code":
        assert line[[0, -1], 0].tolist() == [-1, 1]
        assert line[:, 1].abs().max() <= 0.3
        assert random.abs().max() <= 1


def test_smaller_training_sets_are_parts_of_larger_ones():
    whole = ToyRepresentation(messiness=0.2, train_size=55).data(58)
    every = [a + b for b in range(10) for a in range(b + 1)]
    assert sorted(whole.train["labels"].tolist()) == sorted(every)
    for name, tensor in whole.train.items():
        assert torch.equal(whole.val[name], tensor)  # no pair is left
    for size in (25, 45):
        part = ToyRepresentation(messiness=0.2, train_size=size).data(58)
        for name, tensor in whole.train.items():
            assert torch.equal(part.train[name], tensor[:size])
            assert torch.equal(part.val[name], tensor[size:])


def test_targets_belong_to_sums():
    data = ToyRepresentation(modular=True).data(58)
    assert data.fixed["vectors"].shape == (10, 30)
    assert torch.equal(data.train["targets"], data.fixed["vectors"][data.train["labels"]])
    task = ToyRepresentation()
    vectors = task.data(58).fixed["vectors"]
    assert vectors.shape == (19, 30)
    batch = {"labels": torch.arange(19), "vectors": vectors}
    assert task.correct(vectors + 0.01, batch).all()
    assert not task.correct(vectors.roll(1, 0), batch).any()


def test_the_decoder_alone_is_trained():
    network = instantiate(compose("task=toy_representation").task).network()
    shapes = {name: tuple(param.shape) for name, param in network.named_parameters()}
    assert set(shapes) == {f"decoder.{i}.{kind}" for i in (0, 2, 4) for kind in ("weight", "bias")}
    assert shapes["decoder.0.weight"] == (200, 1)
    assert shapes["decoder.4.weight"] == (30, 200)


def test_weight_decay_of_every_weight_is_the_decoder_s(tmp_path):
    """Which is what the LU mechanism predicts times to generalise from."""
    options = ["task=toy_representation", "opt.wd_dec=2", "phase.budget=5", "engine.compile=false"]
    member = make_member(compose(*options), tmp_path, "toy_representation", {})
    train([member], setup(compose(*options)))
    assert read_record(tmp_path).decay_per_step == pytest.approx(2e-3)


@pytest.mark.long
def test_reduced_losses_over_norm_and_messiness(tmp_path):
    """A small norm can't fit, and of those that fit only an orderly representation generalises."""
    cells = [(0.0, 0.5), (0.0, 3.0), (0.5, 3.0)]
    options = ["task=toy_representation", "norm.constrain=true", "opt.lr_dec=3e-3",
               "phase.budget=1500", "phase.early_stop=false", "engine.compile=false"]  # fmt: skip
    members = [
        make_member(
            compose(*options, f"task.messiness={m}", f"task.init_scale={scale}"),
            tmp_path / f"{m}-{scale}", "toy_representation", {},
        )
        for m, scale in cells
    ]  # fmt: skip
    train(members, setup(compose(*options)), size=len(members))
    small, orderly, messy = (read_record(member.folder).final for member in members)
    assert small["train_loss"] > 0.5
    assert orderly["train_loss"] < 0.1
    assert orderly["val_loss"] < messy["val_loss"]


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("task.messiness=1.5", "task.messiness=1.5: must be from 0 to 1"),
        ("task.representation=line", "task.representation=line: must be one of unit, integers"),
        ("task.train_size=56", "task.train_size=56: must be from 1 to 55, all pairs"),
        ("task.p=1", "task.p=1: must be from 2 to 1000, for the batch holds all pairs"),
        ("task.activation=gelu", "task.activation=gelu: must be one of relu, leaky_relu, tanh"),
        ("task.width=0", "task.width=0: must be at least 1"),
    ],
)
def test_mistakes_are_told_before_training(override, line):
    (found,) = problems(compose("task=toy_representation", override))
    assert found.startswith(line)
