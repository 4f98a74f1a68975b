"""The draws of a member's minibatches."""

import pytest
import torch
from torch.utils.data import DataLoader

from grok.engine import batches as engine_batches
from grok.engine.batches import Batches, Draws, minibatches, one_order
from grok.tasks.task import EpochEnds


def drawn_batches(seed=3, samples=1000, budget=50, evaluations=(5, 10, 20, 50), drop_last=False):
    torch.manual_seed(seed)
    return Batches.drawn(samples, 200, budget, evaluations, drop_last)


def test_every_sample_once_an_epoch_in_an_order_of_its_seed():
    batches = drawn_batches()
    orders = batches.orders(done=0, epochs=2)
    assert [len(rows) for rows in minibatches(orders, 200)] == [200] * 10
    for epoch in orders:
        assert sorted(epoch.tolist()) == list(range(1000))
    first, second = orders
    assert not torch.equal(first, second)
    assert torch.equal(batches.orders(done=5, epochs=1)[0], second)
    assert not torch.equal(drawn_batches(seed=4).orders(0, 1)[0], first)
    assert torch.equal(drawn_batches(budget=7, evaluations=(5,)).orders(0, 2), orders)


@pytest.mark.parametrize(("drop_last", "sizes"), [(False, [200] * 4 + [150]), (True, [200] * 4)])
def test_a_last_minibatch_that_is_not_full(drop_last, sizes):
    batches = drawn_batches(samples=950, drop_last=drop_last)
    assert batches.per_epoch == len(sizes)
    assert batches.sizes(epochs=2).tolist() == 2 * sizes
    assert [len(rows) for rows in minibatches(batches.orders(0, 2), 200)] == 2 * sizes


@pytest.mark.parametrize("evaluations", [(), (5, 10, 20, 50), None])
def test_the_order_is_that_of_a_shuffling_data_loader(evaluations):
    """The loaders of the published runs, iterated as there: to train, and now and then to test."""
    torch.manual_seed(3)
    train = DataLoader(range(1000), batch_size=200, shuffle=True)
    val = DataLoader(range(10), batch_size=5)
    expected = []
    for step in range(5, 55, 5):
        expected += list(train)
        if evaluations is None or step in evaluations:
            list(val)
    orders = drawn_batches(evaluations=evaluations).orders(0, 10)
    assert torch.equal(torch.stack(minibatches(orders, 200)), torch.stack(expected))


@pytest.mark.parametrize("passed", [1, 7, engine_batches.PASSED])
def test_draws_are_found_again_wherever_they_are(passed, monkeypatch):
    """Also those before the newest, and however many are passed over at a time."""
    monkeypatch.setattr(engine_batches, "PASSED", passed)
    torch.manual_seed(3)
    draws = Draws()
    at_once = torch.empty(2000, dtype=torch.int64).random_()
    places = [(0, 3), (3, 5), (2, 4), (100, 20), (100, 20), (99, 1), (1480, 520), (0, 2000)]
    for place, count in places:
        assert torch.equal(draws.at(place, count), at_once[place : place + count])


@pytest.mark.parametrize(
    "evaluations",
    [None, (5, 10, 20, 50), range(7, 10**12, 7), EpochEnds(12, 5, 10**12)],
    ids=["every epoch", "few", "a range", "epoch ends"],
)
def test_a_late_epoch_of_a_budget_without_end(evaluations):
    """Its order is that of all draws made at once."""
    epoch, samples = 300_000, 50
    torch.manual_seed(3)
    draws = torch.empty(4 * epoch, dtype=torch.int64).random_()
    steps = range(5, 5 * epoch + 1, 5) if evaluations is None else evaluations
    validated = sum(step <= 5 * epoch for _, step in zip(range(epoch * 5), steps, strict=False))
    seed = draws[2 * epoch + 1 + validated].item()
    expected = torch.randperm(samples, generator=torch.Generator().manual_seed(seed))
    torch.manual_seed(3)
    late = Batches.drawn(samples, 10, 10**12, evaluations)
    assert torch.equal(late.orders(5 * epoch, 2)[0], expected)
    assert torch.equal(late.orders(5 * (epoch - 1), 2)[1], expected)


def test_one_order_of_equal_draws():
    first, same, other = drawn_batches(), drawn_batches(), drawn_batches(seed=4)
    assert one_order([first, same], [5, 5])
    assert not one_order([first, same], [5, 10])
    assert not one_order([first, other], [5, 5])
    assert not one_order([first, drawn_batches(evaluations=(5, 10))], [5, 5])


def test_large_orders_are_not_kept():
    """A thousand of a million samples would be 8 GB."""
    drawn = engine_batches._kept_order.cache_info().currsize
    large = Batches.drawn(engine_batches.KEPT + 1, 1000, 100, [], False)
    assert torch.equal(large.orders(0, 2), large.orders(0, 2))
    assert engine_batches._kept_order.cache_info().currsize == drawn
