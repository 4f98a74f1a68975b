"""Modular arithmetic: the pairs, their results, and the transformer against its published form."""

import itertools
import math

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from torch.nn import functional

from grok.checks.config import problems
from grok.composing import compose
from grok.engine.stack import Stack
from grok.job import make_member
from grok.tasks.modular import MODULAR, PERMUTATIONS, Modular

SMALL = ["task=modular", "task.p=7", "task.width=16", "task.hidden=24", "task.heads=2"]


def by_pair(operation, p=7):
    task = Modular(operation=operation, p=p)
    return dict(zip(task.pairs(), task.results(), strict=True))


def test_all_ordered_pairs_are_split_as_random_split_does():
    task = Modular()
    train, val, _ = task.data(42)
    assert (len(train["inputs"]), len(val["inputs"])) == (3830, 8939)
    pairs = list(itertools.product(range(113), repeat=2))
    parts = torch.utils.data.random_split(
        pairs, [3830, 8939], generator=torch.Generator().manual_seed(42)
    )
    for part, batch in zip(parts, (train, val), strict=True):
        assert [tuple(pair) for pair in batch["inputs"].tolist()] == list(part)
        assert batch["labels"].tolist() == [(a + b) % 113 for a, b in part]


@pytest.mark.parametrize(
    ("operation", "pair", "result"),
    [
        ("add", (5, 6), 4),
        ("subtract", (2, 6), 3),
        ("multiply", (5, 6), 2),
        ("divide", (5, 3), 4),  # 3 x 4 = 12 = 5
        ("divide_or_subtract", (5, 3), 4),
        ("divide_or_subtract", (5, 2), 3),
        ("divide_or_subtract", (5, 0), 5),
        ("x2_plus_y2", (2, 3), 6),
        ("x2_plus_xy_plus_y2", (2, 3), 5),
        ("x2_plus_xy_plus_y2_plus_x", (2, 3), 0),
        ("x3_plus_xy", (2, 3), 0),
        ("x3_plus_xy2_plus_y", (2, 3), 1),
    ],
)
def test_results_by_hand(operation, pair, result):
    assert by_pair(operation)[pair] == result


@pytest.mark.parametrize("operation", MODULAR)
def test_division_undoes_multiplication_and_all_stay_below_p(operation):
    results = by_pair(operation)
    assert set(results.values()) <= set(range(7))
    assert len(results) == (42 if operation == "divide" else 49)
    if operation == "divide":
        assert all(z * y % 7 == x for (x, y), z in results.items())


def test_permutations_of_five():
    order = list(itertools.permutations(range(5)))
    matrices = [np.eye(5)[list(each)] for each in order]
    tables = {operation: by_pair(operation) for operation in PERMUTATIONS}
    generator = np.random.RandomState(0)
    for x, y in generator.randint(120, size=(50, 2)):
        # row i of a permutation's matrix has its one where it takes i; (x y)(i) = x(y(i))
        product = matrices[y] @ matrices[x]
        assert np.array_equal(matrices[tables["s5"][x, y]], product)
        conjugate = matrices[x].T @ matrices[y] @ matrices[x]
        assert np.array_equal(matrices[tables["s5_conjugate"][x, y]], conjugate)
        assert np.array_equal(
            matrices[tables["s5_aba"][x, y]], matrices[x] @ matrices[y] @ matrices[x]
        )
    assert Modular(operation="s5").symbols == 120


def published_form(network, pairs):
    """Every position of "a b =" through causal attention, sample by sample."""
    (block,) = network.blocks
    tokens = torch.cat([pairs, torch.full_like(pairs[:, :1], network.symbols)], 1)
    x = network.embed[tokens] + network.position
    query, key, value = (
        torch.stack((x @ w.T).chunk(block.heads, -1)) for w in (block.query, block.key, block.value)
    )
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    scores = scores + torch.full((3, 3), -math.inf).triu(1)
    mixed = torch.cat([*(scores.softmax(-1) @ value)], -1)
    x = x + mixed @ block.out.T
    x = x + functional.relu(x @ block.inner.T + block.inner_bias) @ block.outer.T + block.outer_bias
    return (x @ network.unembed.T)[:, -1]


def test_keys_and_values_taken_once_are_the_same_function():
    """With gradients, against the published form; and blocks one after the other against one."""
    task = instantiate(compose(*SMALL).task)
    torch.manual_seed(0)
    network, data = task.network().double(), task.data(0)
    pairs, labels = data.train["inputs"], data.train["labels"]
    with torch.no_grad():
        network.blocks[0].inner_bias.normal_()
    gradients = []
    for forward in (network, lambda pairs: published_form(network, pairs)):
        logits = forward(pairs)
        loss = functional.cross_entropy(logits, labels)
        gradients.append([logits, *torch.autograd.grad(loss, list(network.parameters()))])
    for ours, published in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, published, rtol=1e-12, atol=1e-15)


def test_more_layers_go_through_every_position():
    deep = Modular(p=7, width=16, hidden=24, heads=2, layers=2)
    torch.manual_seed(0)
    network = deep.network().double()
    with torch.no_grad():  # a second block that adds nothing
        for param in (network.blocks[1].out, network.blocks[1].outer):
            param.zero_()
    pairs = deep.data(0).train["inputs"]
    two = network(pairs)
    del network.blocks[1]
    torch.testing.assert_close(two, network(pairs), rtol=1e-12, atol=1e-15)


def test_initial_weight_norm_at_paper_scale():
    """About 42.9 is published."""
    torch.manual_seed(42)
    norm = torch.cat([p.flatten() for p in Modular().network().parameters()]).norm().item()
    assert norm == pytest.approx(42.28, abs=0.01)


@pytest.mark.parametrize("model", ["transformer", "mlp"])
def test_a_stack_equals_solo_runs(model, tmp_path):
    members = [
        make_member(compose(*SMALL, f"task.model={model}", *cell), tmp_path / str(i), "modular", {})
        for i, cell in enumerate(
            (
                ["opt.lr_dec=1e-3"],
                ["seed.data=1", "opt.wd_dec=0.1"],
                ["task.init_scale=0.8", "seed.model=3"],
            )
        )
    ]
    drawn = [member.drawn(torch.float64) for member in members]
    cpu, shared = torch.device("cpu"), members[0].task
    together = Stack(shared, drawn, cpu, compiled=False)
    metrics, _ = together.advance(30)
    for slot, each in enumerate(drawn):
        alone = Stack(shared, [each], cpu, compiled=False, plain=True)
        expected, _ = alone.advance(30)
        torch.testing.assert_close(together.weights(slot), alone.weights(0), rtol=1e-8, atol=1e-11)
        for name in ("train_accuracy", "val_accuracy"):
            assert metrics[name][9::10, slot].tolist() == expected[name][9::10, 0].tolist()
            assert metrics[name][:9].isnan().all()


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (
            ["task.p=12", "task.operation=divide"],
            "task.p=12: must be a prime, such as 113",
        ),
        (["task.operation=plus"], "task.operation=plus: must be one of add, subtract, multiply"),
        (["task.heads=3"], "task.heads=3: must divide task.width=128"),
        (["task.p=501"], "task.p=501: must be from 2 to 500"),
        (["task.train_fraction=1"], "task.train_fraction=1.0: must leave some of the 12769 pairs"),
        (["task.every=0"], "task.every=0: must be at least 1"),
        (["task.model=lstm"], "task.model=lstm: must be one of transformer, mlp"),
    ],
)
def test_mistakes(overrides, line):
    (found,) = problems(compose("task=modular", *overrides))
    assert found.startswith(line)


def test_published_draws():
    """In double precision, in the order of the public code, matrices turned as they are there."""
    torch.manual_seed(42)
    drawn = {
        name: torch.randn(shape, dtype=torch.float64) / math.sqrt(variance)
        for name, shape, variance in (
            ("embed", (128, 114), 128),
            ("position", (3, 128), 128),
            ("blocks.0.key", (128, 128), 128),
            ("blocks.0.query", (128, 128), 128),
            ("blocks.0.value", (128, 128), 128),
            ("blocks.0.out", (128, 128), 128),
            ("blocks.0.inner", (512, 128), 128),
            ("blocks.0.outer", (128, 512), 128),
            ("unembed", (128, 114), 114),
        )
    }
    torch.manual_seed(42)
    params = dict(Modular().network().named_parameters())
    for name, expected in drawn.items():
        turned = name in ("embed", "unembed")
        assert torch.equal(params[name], expected.T if turned else expected)
    assert params.keys() - drawn.keys() == {"blocks.0.inner_bias", "blocks.0.outer_bias"}
