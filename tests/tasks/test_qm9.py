"""The graph network on molecules."""

import pytest
import torch
from torch import nn

from grok import check_task
from grok.composing import compose
from grok.errors import ConfigError
from grok.job import make_member
from grok.tasks.data import molecules
from grok.tasks.qm9 import QM9, EdgeConv, GraphNetwork

SHIPPED = molecules.load(molecules.SHIPPED)


def by_edges(layer, nodes, edges):
    """The convolution as it is written down: a matrix for every edge, made by the network."""
    received = layer.root(nodes)
    for target, source, kind in edges:
        feature = nn.functional.one_hot(torch.tensor(kind), 4).to(nodes.dtype)
        matrix = layer.edge(feature).view(nodes.shape[1], -1)
        received = received + nn.functional.one_hot(torch.tensor(target), len(nodes))[:, None] * (
            nodes[source] @ matrix
        )
    return received


def test_a_convolution_is_that_of_an_edge_network():
    torch.manual_seed(0)
    layer = EdgeConv(11, 6, 5).double()
    nn.init.normal_(layer.root.bias)
    nodes, adjacency = map(torch.from_numpy, molecules.graphs(SHIPPED, 40))
    outputs = layer(nodes, adjacency)
    gradients = torch.autograd.grad(outputs[[3, 39]].square().sum(), list(layer.parameters()))
    expected = []
    for number in (3, 39):
        bonds = adjacency[number].view(-1, 4, nodes.shape[1]).nonzero()
        edges = [(t, s, b) for t, b, s in bonds.tolist()]
        expected.append(by_edges(layer, nodes[number], edges))
    torch.testing.assert_close(outputs[[3, 39]], torch.stack(expected), rtol=1e-12, atol=1e-12)
    reference = torch.autograd.grad(torch.stack(expected).square().sum(), list(layer.parameters()))
    torch.testing.assert_close(gradients, reference, rtol=1e-12, atol=1e-12)


def test_the_bias_of_a_convolution_starts_at_0():
    """And its weights are uniform up to one over the root of the inputs: as the published ones."""
    torch.manual_seed(0)
    root = EdgeConv(11, 200, 5).root
    assert torch.equal(root.bias, torch.zeros(200))
    assert 0.99 < root.weight.abs().max() * 11**0.5 <= 1


def test_padding_and_the_order_of_atoms_change_nothing():
    torch.manual_seed(0)
    network = GraphNetwork(32, 16, 32).double()
    small, large = (
        [torch.from_numpy(each[:5]) for each in molecules.graphs(SHIPPED, count)]
        for count in (5, 100)
    )
    expected = network(*small)
    torch.testing.assert_close(network(*large), expected, rtol=1e-12, atol=0)
    nodes, adjacency = large
    order = torch.randperm(nodes.shape[1])
    edges = adjacency.view(5, nodes.shape[1], 4, -1)[:, order][..., order].flatten(2)
    torch.testing.assert_close(network(nodes[:, order], edges), expected, rtol=1e-12, atol=0)


def test_halves_and_their_draw():
    task = QM9(size=41)
    data = task.data(3)
    assert len(data.train["targets"]) == 20
    assert len(data.val["targets"]) == 21
    together = torch.cat([data.train["targets"], data.val["targets"]])
    assert sorted(together.tolist()) == sorted((SHIPPED.polarizability[:41] / 100).tolist())
    assert not torch.equal(task.data(4).train["targets"], data.train["targets"])


def test_right_is_an_error_under_the_threshold():
    task = QM9(error_threshold=0.5)
    batch = {"targets": torch.tensor([1.0, 2.0, 3.0]), "error_threshold": torch.tensor(0.5)}
    outputs = torch.tensor([1.4, 2.5, 2.0])
    assert task.correct(outputs, batch).tolist() == [True, False, False]
    assert task.loss_of(outputs, batch).item() == pytest.approx((0.16 + 0.25 + 1) / 3)


def test_validated_at_the_ends_of_epochs():
    assert [*QM9(size=200, every=20).evaluations(50)] == [20, 40]  # four steps an epoch
    assert [*QM9(size=200, every=10).evaluations(30)] == [12, 20]  # 32 is beyond the budget
    assert QM9(size=100, every=20).evaluations(5) == [5]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"size": 1}, "task.size=1: must be from 2 to 10000, all there are"),
        ({"size": 10_001}, "task.size=10001: must be from 2 to 10000, all there are"),
        ({"pooled": 0}, "task.pooled=0: must be at least 1"),
        ({"error_threshold": 0.0}, "task.error_threshold=0.0: must be over 0"),
        ({"error_threshold": float("nan")}, "task.error_threshold=nan: must be over 0"),
        ({"every": 0}, "task.every=0: must be at least 1"),
        ({"file": "nowhere.npz"}, "task.file=nowhere.npz: no packed molecules"),
    ],
)
def test_mistakes_are_named(settings, line):
    with pytest.raises(ConfigError, match=line):
        check_task(QM9(**settings))


def test_a_run_of_the_published_settings(tmp_path, train_members):
    """Losses of the first 200 steps fall by orders of magnitude, on the plain path too."""
    losses = []
    for plain in ("false", "true"):
        overrides = ["task=qm9", "phase.budget=200", "phase.early_stop=false"]
        overrides.append(f"engine.plain={plain}")
        member = make_member(compose(*overrides), tmp_path / plain, "qm9", {})
        (record,) = train_members([member], *overrides)
        assert record.steps == 200
        losses.append((record.final["train_loss"], record.final["val_loss"]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert losses[0][0] < 50
