"""What members have in common: found when they are drawn, held once, and nobody's own."""

import dataclasses

import pytest
import torch
from torch.utils import _pytree as pytree

from grok.engine import shared
from grok.engine.recorder import RECORDINGS
from grok.engine.shared import Own, alike
from grok.engine.stack import Stack
from grok.engine.step import Given
from grok.tasks.mnist import MNIST
from tests.tasks.examples import FixedTensors, Sign


def test_what_members_have_in_common_is_nobodys_own(make_member):
    """Of another data seed are the pairs of training and validation, not the table of labels."""
    given = [
        make_member(data=data, model=model).drawn(torch.float32).given
        for data, model in ((42, 1), (42, 2), (41, 1))
    ]
    first, same, other = given
    own = Own([first, same])
    assert own.bytes == 0
    leaves = zip(pytree.tree_leaves(first), pytree.tree_leaves(other), strict=True)
    differing = sum(mine.nbytes for mine, others in leaves if not torch.equal(mine, others))
    assert own.beside(same) == 0
    assert own.beside(other) == differing > 0
    own.add(other)
    assert own.beside(same) == own.bytes == differing
    assert Own(given).bytes == differing


def test_equal_tensors_of_members_are_one_and_the_same(make_member):
    """Though each draws its own; of other dtype, shape or bits they aren't."""
    ones = torch.ones(1000)
    kept = [alike(Given({}, {}, {"a": tensor}, {})).train["a"] for tensor in (ones, ones.clone())]
    assert kept[0] is kept[1]
    others = [ones.double(), ones.view(10, 100), (torch.arange(1000) != 998).float()]
    for other in others:
        assert alike(Given({}, {}, {"a": other}, {})).train["a"] is other
    zeros = [alike(Given({}, {}, {"a": sign * torch.zeros(3)}, {})).train["a"] for sign in (1, -1)]
    assert zeros[1] is not zeros[0]
    firsts, seconds = (
        pytree.tree_leaves(make_member(data=41, model=i).drawn(torch.float64).given)
        for i in range(2)
    )
    assert all(one is two for one, two in zip(firsts, seconds, strict=True))


def held_once(stack):
    return [
        name
        for name, tensor in stack.given.train.items()
        if tensor.data_ptr() == stack.drawn[0].given.train[name].data_ptr()
    ]


def test_equal_data_is_held_once_however_many_seeds_there_are(member_of, stack_of):
    """Leaf by leaf: inputs of nine data seeds are stacked, those of one seed are not."""
    same = [member_of(FixedTensors(threshold=0.1 * i), data=3) for i in range(9)]
    for member in same:
        member.drawn(torch.float32)
        member_of(Sign(), data=100 + int(10 * member.task.threshold)).drawn(torch.float32)
    stack = stack_of(same)
    assert held_once(stack) == ["inputs", "labels"]
    assert stack.given.train["inputs"].shape == (24, 4)
    assert stack.given.fixed["vectors"].shape == (3, 2)
    assert stack.given.fixed["threshold"].tolist() == pytest.approx([0.1 * i for i in range(9)])
    others = stack_of([member_of(FixedTensors(), data=seed) for seed in range(9)])
    assert others.given.train["inputs"].shape == (9, 24, 4)
    assert others.given.fixed["threshold"].shape == ()


def test_images_are_held_once(make_member):
    """Of MNIST, for members that were drawn apart."""
    members = [
        dataclasses.replace(make_member(model=i, data=0), task=MNIST(data_dir="tests/data"))
        for i in range(2)
    ]
    drawn = [member.drawn(torch.float32) for member in members]
    copies = [
        each._replace(given=alike(torch.utils._pytree.tree_map(torch.clone, each.given)))
        for each in drawn
    ]
    stack = Stack(members[0].task, copies, torch.device("cpu"), compiled=False)
    assert stack.given.train["inputs"].shape == (1000, 784)
    assert stack.given.val["inputs"].shape == (1000, 784)


def test_a_member_with_other_data_takes_a_slot(member_of, stack_of):
    """What was held once is stacked from then on, and nobody's results change."""
    first, second, third = (
        member_of(FixedTensors(), data=data, model=model)
        for data, model in ((1, 1), (1, 2), (2, 3))
    )
    stack = stack_of([first, second])
    stack.advance(6)
    assert stack.given.train["inputs"].shape == (24, 4)
    stack.put(0, third.drawn(torch.float32))
    stack.advance(6)
    assert stack.given.train["inputs"].shape == (2, 24, 4)
    for slot, (member, steps) in enumerate(((third, 6), (second, 12))):
        alone = stack_of([member])
        alone.advance(steps)
        torch.testing.assert_close(stack.weights(slot), alone.weights(0), rtol=1e-4, atol=1e-6)


@dataclasses.dataclass(frozen=True)
class SeenBefore(Sign):
    """Of an even data seed, the training data are those of validation."""

    def data(self, seed):
        data = super().data(seed)
        train = {name: tensor[:16] for name, tensor in data.train.items()}
        return data._replace(train=train, val=data.val if seed % 2 else train)


def test_one_compilation_serves_members_whose_tensors_are_the_same_by_chance(member_of, stack_of):
    before = len(RECORDINGS)
    for seed in (2, 3):
        member = member_of(SeenBefore(), data=seed)
        compiled, eager = (stack_of([member], compiled=flag) for flag in (True, False))
        (metrics, _), (expected, _) = compiled.advance(5), eager.advance(5)
        assert compiled.compiled
        torch.testing.assert_close(metrics["val_loss"], expected["val_loss"], rtol=1e-5, atol=1e-6)
    assert len(RECORDINGS) - before == 1


def test_minibatches_gathered_at_once_are_not_too_many(monkeypatch):
    """Of five numbers, 8 bytes each."""
    monkeypatch.setattr(shared, "GATHERED", 3 * 5 * 8)
    gather = shared.Gather({"a": torch.zeros(10, 2)}, (True,))
    assert gather.parts([torch.zeros(5, dtype=torch.int64)] * 7) == [3, 6]
