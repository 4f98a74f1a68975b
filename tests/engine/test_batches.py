"""The draws of a member's minibatches."""

import pytest
import torch
from torch.utils.data import DataLoader

from grok.engine.batches import Batches, minibatches


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
    assert torch.equal(batches.orders(done=50, epochs=1), batches.orders(done=45, epochs=1))


@pytest.mark.parametrize(("drop_last", "sizes"), [(False, [200] * 4 + [150]), (True, [200] * 4)])
def test_a_last_minibatch_that_is_not_full(drop_last, sizes):
    batches = drawn_batches(samples=950, drop_last=drop_last)
    assert batches.per_epoch == len(sizes)
    assert batches.sizes(epochs=2).tolist() == 2 * sizes
    assert [len(rows) for rows in minibatches(batches.orders(0, 2), 200)] == 2 * sizes


@pytest.mark.parametrize("evaluations", [(), (5, 10, 20, 50)])
def test_the_order_is_that_of_a_shuffling_data_loader(evaluations):
    """The loaders of the published runs, iterated as there: to train, and now and then to test."""
    torch.manual_seed(3)
    train = DataLoader(range(1000), batch_size=200, shuffle=True)
    val = DataLoader(range(10), batch_size=5)
    expected = []
    for step in range(5, 55, 5):
        expected += list(train)
        if step in evaluations:
            list(val)
    orders = drawn_batches(evaluations=evaluations).orders(0, 10)
    assert torch.equal(torch.stack(minibatches(orders, 200)), torch.stack(expected))
