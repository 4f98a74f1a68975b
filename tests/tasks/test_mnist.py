"""MNIST as published: subset, initial weights, schedule, mixtures with labels."""

import dataclasses
import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from grok.checks.config import problems
from grok.composing import compose
from grok.engine.batches import minibatches
from grok.engine.step import METRICS
from grok.tasks.data import idx
from grok.tasks.mnist import MNIST
from grok.tasks.task import cast

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture
def task():
    return MNIST(data_dir=str(DATA))


def test_the_published_subset(task):
    """`numpy.random.seed(0)`, then a choice without replacement."""
    data = task.data(0)
    part = idx.load("mnist", DATA)["train"]
    np.random.seed(0)  # noqa: NPY002 - as published
    chosen = np.random.choice(range(1500), 1000, replace=False)  # noqa: NPY002
    images = torch.from_numpy(part.images[chosen].reshape(1000, 784) / 255)
    assert torch.equal(data.train["inputs"], images)
    assert data.train["labels"].tolist() == part.labels[chosen].tolist()
    assert data.train["targets"].sum(-1).tolist() == [1] * 1000
    assert len(data.val["inputs"]) == 1000
    assert (images.min(), images.max()) == (0, 1)


def test_the_first_test_images(task):
    data = dataclasses.replace(task, val_size=20).data(0)
    assert data.val["labels"].tolist() == task.data(0).val["labels"][:20].tolist()
    assert data.val["inputs"].shape == (20, 784)


def test_the_first_training_images(task):
    data = dataclasses.replace(task, subset="first", train_size=30).data(7)
    part = idx.load("mnist", DATA)["train"]
    assert data.train["labels"].tolist() == part.labels[:30].tolist()
    assert torch.equal(data.train["inputs"][29], torch.from_numpy(part.images[29].ravel() / 255))


@pytest.mark.parametrize(
    ("representation", "constants"),
    [("integers", list(range(10))), ("code", [-0.5 + label / 9 for label in range(10)])],
)
def test_images_mixed_with_their_labels(task, representation, constants):
    """m image + (1 - m) constant, which a member's own m decides."""
    mixed = dataclasses.replace(task, representation=representation, messiness=0.25, train_size=20)
    network, (train, _, fixed) = mixed.network(), mixed.data(0)
    constant = torch.tensor([constants[label] for label in train["labels"]], dtype=torch.float64)
    expected = network(0.25 * train["inputs"] + 0.75 * constant[:, None])
    batch = cast(train | fixed, torch.float64)
    torch.testing.assert_close(mixed.outputs_of(network, batch), expected, rtol=1e-6, atol=1e-6)
    assert mixed.shared() == dataclasses.replace(mixed, messiness=0.5).shared()


def test_each_member_has_its_own_mixture(task, make_member, stack_of):
    """In a stack, which holds the images once."""
    tasks = [
        dataclasses.replace(
            task, representation="integers", messiness=m, train_size=60, batch_size=20, width=12
        )
        for m in (0.2, 0.8)
    ]
    members = [dataclasses.replace(make_member(str(i)), task=task) for i, task in enumerate(tasks)]
    together = stack_of(members, torch.float64)
    assert together.given.train["inputs"].shape == (60, 784)
    together.advance(12)
    for slot, member in enumerate(members):
        alone = stack_of([member], torch.float64)
        alone.advance(12)
        torch.testing.assert_close(together.weights(slot), alone.weights(0), rtol=1e-9, atol=1e-12)
    first, second = (together.weights(slot)["decoder.weight"] for slot in (0, 1))
    assert (first - second).abs().max() > 1e-3


def test_images_alone_are_not_mixed(task):
    assert task.data(0).fixed == {}
    lines = list(dataclasses.replace(task, messiness=0.5).problems())
    assert lines == [
        "task.messiness=0.5: images alone are not mixed; leave it at 1, or set "
        "task.representation=integers or code"
    ]


def test_the_whole_set(full_data):
    """Fixed facts of the published subset, and the checksums by which a download is judged."""
    for name, md5 in idx.FILES.items():
        packed = full_data / "MNIST" / "raw" / f"{name}.gz"
        content = gzip.decompress(packed.read_bytes()) if packed.is_file() else None
        content = content or packed.with_suffix("").read_bytes()
        assert hashlib.md5(content).hexdigest() == md5
    data = MNIST(data_dir=str(full_data), val_size=None).data(0)
    assert len(data.val["labels"]) == 10_000
    assert data.val["labels"][:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    np.random.seed(0)  # noqa: NPY002 - as published
    chosen = np.random.choice(range(60000), 1000, replace=False)  # noqa: NPY002
    labels = idx.load("mnist", full_data)["train"].labels[chosen]
    assert data.train["labels"].tolist() == labels.tolist()
    few = MNIST(data_dir=str(DATA)).data(0)
    assert all(torch.equal(few.train[name], data.train[name]) for name in data.train)
    assert all(torch.equal(few.val[name], data.val[name][:1000]) for name in data.val)


def test_published_initial_weights(task, make_member):
    """PyTorch's own draws in double precision, biases included, times 9."""
    torch.manual_seed(0)
    layers = [torch.nn.Linear(n, m, dtype=torch.float64) for n, m in ((784, 200), (200, 200))]
    layers.append(torch.nn.Linear(200, 10, dtype=torch.float64))
    member = dataclasses.replace(make_member(model=0), task=task)
    weights = member.drawn(torch.float64).state.params
    for name, layer in zip(("encoder.0", "encoder.2", "decoder"), layers, strict=True):
        assert torch.equal(weights[f"{name}.weight"], 9 * layer.weight)
        assert torch.equal(weights[f"{name}.bias"], 9 * layer.bias)


def test_the_published_schedule(task):
    steps = task.evaluations(100_000)
    epochs = np.unique((np.logspace(0, np.log10(3e5), 1000) / 5).astype(int))
    assert steps == [5 * (epoch + 1) for epoch in epochs if 5 * (epoch + 1) <= 100_000]
    assert steps[:4] == [5, 10, 15, 20]
    assert task.evaluations(10) == [5, 10]


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_steps_equal_a_plain_loop(task, loss, make_member, stack_of):
    task = dataclasses.replace(task, loss=loss, train_size=60, batch_size=20, width=12)
    member = dataclasses.replace(make_member(lr=1e-2, wd=0.5, model=1), task=task)
    train, val, _ = member.data(torch.float64)
    network = task.network()
    network.load_state_dict(member.drawn(torch.float64).state.params)
    groups = [(network.encoder, 1e-3, 0.0), (network.decoder, 1e-2, 0.5)]
    optimizer = torch.optim.AdamW(
        [{"params": part.parameters(), "lr": lr, "weight_decay": wd} for part, lr, wd in groups]
    )
    accuracies, losses = [], []
    batches = member.drawn(torch.float64).batches
    for rows in minibatches(batches.orders(0, 4), batches.size):
        outputs = network(train["inputs"][rows])
        labels = train["labels"][rows]
        targets = nn_one_hot(labels) if loss == "mse" else labels
        function = getattr(torch.nn.functional, "mse_loss" if loss == "mse" else "cross_entropy")
        value = function(outputs, targets)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
        accuracies.append((outputs.argmax(-1) == labels).double().mean().item())
    stack = stack_of([member, member], torch.float64)
    assert stack.whole_epochs(10) == 12
    metrics, _ = stack.advance(12)
    of_epochs = np.cumsum(np.reshape(losses, (4, 3)), axis=1) / [1, 2, 3]
    assert metrics["train_loss"][:, 1].tolist() == pytest.approx(of_epochs.ravel(), rel=1e-9)
    measured = [step - 1 for step in task.evaluations(12)]
    assert measured == [2, 5, 8, 11]
    expected = np.mean(np.reshape(accuracies, (4, 3)), axis=1)
    assert metrics["train_accuracy"][measured, 0].tolist() == pytest.approx(expected)
    outputs = network(val["inputs"])
    right = (outputs.argmax(-1) == val["labels"]).double().mean().item()
    assert metrics["val_accuracy"][11, 1].item() == pytest.approx(right)
    assert metrics["val_loss"][11, 0].item() == pytest.approx(task.loss_of(outputs, val).item())
    between = [i for i in range(12) if i not in measured]
    for name in ("train_accuracy", "val_accuracy", "val_loss"):
        assert metrics[name][between].isnan().all()


def nn_one_hot(labels):
    return torch.eye(10, dtype=torch.float64)[labels]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("task.dataset=cifar", "task.dataset=cifar: must be one of mnist, fashion_mnist"),
        ("task.loss=l1", "task.loss=l1: must be one of mse, cross_entropy"),
        ("task.depth=1", "task.depth=1: must be at least 2"),
        ("task.train_size=1501", "task.train_size=1501: must be at most 1500, all there are"),
        ("task.val_size=1001", "task.val_size=1001: must be at most 1000, all there are"),
        ("task.val_size=0", "task.val_size=0: must be at least 1"),
    ],
)
def test_mistakes(override, message):
    assert problems(compose("task=mnist", override)) == [message]


def test_weight_decay_is_one_for_all_unless_set():
    cfg = compose("task=mnist", "opt.wd_dec=3")
    assert (cfg.opt.wd_enc, cfg.opt.wd_dec) == (3, 3)
    assert compose("task=mnist", "opt.wd_dec=3", "opt.wd_enc=0").opt.wd_enc == 0


def small(task, make_member, name, **cell):
    task = dataclasses.replace(task, train_size=60, batch_size=20, width=12, init_scale=1.0)
    member = make_member(name, budget=90, model=cell.pop("model", 0), **cell)
    rule = dataclasses.replace(member.phase, threshold=0.4, tolerance=-1e-9)
    return dataclasses.replace(member, task=task, phase=rule)


def test_a_stack_with_refills_equals_solo_runs(task, make_member, train_members):
    """Members that start when another ends take the batches of their own epochs."""
    cells = [
        {"lr": 1e-2, "wd": 0.0},
        {"lr": 1e-1, "wd": 0.5},
        {"lr": 1e-1, "wd": 0.5, "model": 1},
        {"lr": 1.0, "wd": 0.0, "data": 5},
        {"lr": 3e-2, "wd": 1.0},
    ]
    together = [small(task, make_member, f"a/{i}", **cell) for i, cell in enumerate(cells)]
    alone = [small(task, make_member, f"b/{i}", **cell) for i, cell in enumerate(cells)]
    options = ["trainer.precision=64-true", "engine.steps_per_call=10"]
    stacked = train_members(together, *options, size=2)
    solo = [train_members([member], *options)[0] for member in alone]
    assert len({record.t_train for record in solo}) > 2
    for a, b in zip(stacked, solo, strict=True):
        assert (a.phase, a.t_train, a.t_val, a.steps) == (b.phase, b.t_train, b.t_val, b.steps)
        assert (a.t_train or 3) % 3 == 0
        assert a.final == pytest.approx(b.final, rel=1e-9)
        assert set(a.final) == {*METRICS}
