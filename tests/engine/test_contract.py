"""What the engine makes of the less usual things that a task may have."""

import dataclasses

import pytest
import torch

from grok.checks.config import problems
from grok.composing import compose
from grok.engine.batches import minibatches
from grok.engine.recorder import RECORDINGS
from grok.engine.stack import Stack
from grok.job import make_member as make_one
from tests.tasks.examples import (
    FixedTensors,
    FrozenEmbedding,
    NestedIntegers,
    OwnGroups,
    RegisteredBuffer,
    Sign,
)
from tests.tasks.small import SMALL

CPU = torch.device("cpu")
PATHS = pytest.mark.parametrize("plain", [False, True])


def stack_of(members, plain=False, dtype=torch.float32, compiled=False):
    drawn = [member.drawn(dtype) for member in members]
    return Stack(members[0].task, drawn, CPU, compiled, plain)


@PATHS
def test_a_frozen_parameter_is_no_ones_to_move(plain, member_of):
    """No step, no decay, no scale and no norm."""
    member = member_of(FrozenEmbedding(init_scale=3.0), lr=1e-2, wd=5.0)
    torch.manual_seed(member.seed.model)
    drawn = dict(member.task.network().named_parameters())
    stack = stack_of([member], plain)
    metrics, _ = stack.advance(50)
    assert {*stack.state.params} == {"decoder.weight", "decoder.bias"}
    weights = stack.weights(0)
    for name in ("encoder.0.weight", "encoder.0.bias"):
        assert torch.equal(weights[name], drawn[name])
    moved = torch.cat([weights[name].flatten() for name in stack.state.params])
    assert metrics["weight_norm"][-1, 0].item() == pytest.approx(moved.norm().item(), rel=1e-6)
    assert stack.norm(0) == pytest.approx(moved.norm().item(), rel=1e-6)
    initial = member.drawn(torch.float32).state.params["decoder.weight"]
    assert torch.equal(initial, 3 * drawn["decoder.weight"])


@PATHS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_buffer_is_of_the_members_own_draw(plain, dtype, member_of):
    members = [member_of(RegisteredBuffer(), model=model) for model in (1, 2)]
    stacks = [stack_of([member], plain, dtype) for member in members]
    if not plain:
        stacks.append(stack_of(members, plain, dtype))
    for stack in stacks:
        stack.advance(10)
    for slot, member in enumerate(members):
        torch.manual_seed(member.seed.model)
        centre = member.task.network().encoder.centre.to(dtype)
        assert torch.equal(stacks[slot].weights(0)["encoder.centre"], centre)
        if not plain:
            assert torch.equal(stacks[-1].weights(slot)["encoder.centre"], centre)
            torch.testing.assert_close(
                stacks[-1].weights(slot), stacks[slot].weights(0), rtol=1e-4, atol=1e-6
            )


def reference(member, steps):
    """Losses of a plain loop over minibatches, and how many samples are right in each."""
    torch.manual_seed(member.seed.model)
    network, data = member.task.network().double(), member.data(torch.float64)
    opt, batches = member.opt, member.drawn(torch.float64).batches
    groups = {"encoder": [], "decoder": []}
    for name, param in network.named_parameters():
        groups[member.task.group(name)].append(param)
    optimizer = torch.optim.AdamW(
        [
            {"params": groups["encoder"], "lr": opt.lr_enc, "weight_decay": opt.wd_enc},
            {"params": groups["decoder"], "lr": opt.lr_dec, "weight_decay": opt.wd_dec},
        ]
    )
    losses, right = [], []
    for rows in minibatches(batches.orders(0, steps // batches.per_epoch), batches.size):
        picked = torch.utils._pytree.tree_map(lambda tensor, rows=rows: tensor[rows], data.train)
        batch = picked | data.fixed
        outputs = member.task.outputs_of(network, batch)
        loss = member.task.loss_of(outputs, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        right.append(member.task.correct(outputs, batch).sum().item())
    return losses, right


@PATHS
@pytest.mark.parametrize(
    "task",
    [FixedTensors(), NestedIntegers(), OwnGroups(batch_size=8), OwnGroups(batch_size=10)],
    ids=lambda t: f"{type(t).__name__} {t.minibatch()}",
)
def test_minibatches_of_all_that_is_per_sample(task, plain, member_of):
    """And of nothing else: neither a table of vectors nor a threshold is cut."""
    member = member_of(task, lr=1e-2, wd=0.5)
    metrics, _ = stack_of([member], plain, torch.float64).advance(48)
    (losses, _), batches = reference(member, 48), member.drawn(torch.float64).batches
    sizes = batches.sizes(1)
    sums = (torch.tensor(losses, dtype=torch.float64).view(-1, len(sizes)) * sizes).cumsum(1)
    of_epochs = (sums / sizes.cumsum(0)).flatten().tolist()
    assert metrics["train_loss"][:, 0].tolist() == pytest.approx(of_epochs, rel=1e-9)


@PATHS
def test_accuracies_within_an_epoch(plain, member_of):
    """Of three minibatches; train accuracy is that of the epoch's so far."""
    member = member_of(FixedTensors(evaluate=(1, 2, 3, 5, 12), threshold=0.05), lr=3e-2, budget=60)
    drawn = member.drawn(torch.float32)._replace(evaluations=None)  # the same order of samples
    whole = Stack(member.task, [drawn], CPU, compiled=False, plain=plain)
    metrics, _ = stack_of([member], plain).advance(12)
    every, _ = whole.advance(12)
    train, val = (metrics[f"{part}_accuracy"][:, 0] for part in ("train", "val"))
    assert train.isfinite().nonzero()[:, 0].tolist() == [0, 1, 2, 4, 11]
    right = every["train_accuracy"][:, 0]
    for step, since in ((0, 0), (1, 0), (2, 0), (4, 3), (11, 9)):
        assert train[step].item() == pytest.approx(right[since : step + 1].mean().item(), abs=1e-12)
        assert val[step].item() == every["val_accuracy"][step, 0].item()
        assert metrics["val_loss"][step, 0].item() == pytest.approx(
            every["val_loss"][step, 0].item(), rel=1e-5
        )
    assert len(set(right.tolist())) > 2


@PATHS
def test_accuracy_counts_the_samples_of_a_smaller_last_minibatch(plain, member_of):
    """Ten, ten and four in an epoch, whose train accuracy is of all 24."""
    member = member_of(OwnGroups(batch_size=10), lr=1e-2)
    metrics, _ = stack_of([member], plain, torch.float64).advance(6)
    accuracy, (_, right) = metrics["train_accuracy"][:, 0], reference(member, 6)
    assert accuracy.isfinite().tolist() == [False, False, True] * 2
    assert accuracy[[2, 5]].tolist() == [sum(right[:3]) / 24, sum(right[3:]) / 24]


@pytest.mark.long
def test_a_smaller_last_minibatch_is_compiled_and_checked_too(member_of):
    """Both members as each alone on the plain path."""
    members = [member_of(OwnGroups(batch_size=10), lr=lr) for lr in (1e-2, 1e-3)]
    stack = stack_of(members, dtype=torch.float64, compiled=True)
    stack.advance(30)
    assert stack.compiled
    for slot, member in enumerate(members):
        alone = stack_of([member], plain=True, dtype=torch.float64)
        alone.advance(30)
        torch.testing.assert_close(stack.weights(slot), alone.weights(0), rtol=1e-9, atol=1e-12)


@PATHS
def test_minibatches_are_measured_at_the_ends_of_epochs(plain, member_of):
    """Where the task says nothing: a single minibatch would decide T_train."""
    task = FixedTensors(threshold=0.05)
    metrics, _ = stack_of([member_of(task, lr=3e-2)], plain).advance(12)
    measured = metrics["train_accuracy"][:, 0].isfinite().nonzero()[:, 0]
    assert measured.tolist() == [2, 5, 8, 11]


def test_each_member_is_validated_by_its_own_settings(member_of):
    """A threshold that varies in a stack counts for the member that has it."""
    thresholds = (0.01, 1.0, 100.0)
    members = [
        member_of(FixedTensors(evaluate=(3, 6), threshold=threshold), budget=60)
        for threshold in thresholds
    ]
    together, _ = stack_of(members).advance(6)
    for slot, member in enumerate(members):
        alone, _ = stack_of([member]).advance(6)
        assert together["val_accuracy"][5, slot] == alone["val_accuracy"][5, 0]
    first, _, last = together["val_accuracy"][5].tolist()
    assert first < last == 1.0


@PATHS
@pytest.mark.parametrize("constrain", [(), ("encoder", "decoder")])
def test_weights_of_nought(plain, constrain, member_of):
    """alpha = 0 is a published point: a norm of 0 stays one, and nothing becomes nan."""
    member = dataclasses.replace(member_of(Sign(init_scale=0.0), lr=1e-2), constrain=constrain)
    stack = stack_of([member], plain)
    assert stack.norm(0) == 0
    metrics, _ = stack.advance(20)
    assert all(values.isfinite().all() for values in metrics.values())
    assert (stack.norm(0) == 0) is bool(constrain)


def test_one_compilation_serves_all_numbers_of_samples(member_of):
    """Minibatches are gathered before the step, which so knows of a minibatch only."""
    before, losses = len(RECORDINGS), []
    for size in (24, 40, 64):
        task = FixedTensors(train_size=size, evaluate=(24 * 40,))
        member = member_of(task, budget=10_000)
        compiled, eager = (stack_of([member], compiled=flag) for flag in (True, False))
        metrics, _ = compiled.advance(compiled.whole_epochs(20))
        expected, _ = eager.advance(eager.whole_epochs(20))
        assert compiled.compiled
        torch.testing.assert_close(
            metrics["train_loss"], expected["train_loss"], rtol=1e-4, atol=1e-6
        )
        losses.append(metrics["train_loss"][-1, 0].item())
    assert len(RECORDINGS) - before == 1
    assert len(set(losses)) == 3


@pytest.mark.long
@pytest.mark.parametrize("task", SMALL)
def test_a_budget_without_end_takes_no_memory(task, tmp_path):
    """The first steps are those of any budget."""
    first_steps = []
    for budget in (100, 10**12):
        cfg = compose(f"task={task}", *SMALL[task], f"phase.budget={budget}")
        assert problems(cfg) == []
        stack = stack_of([make_one(cfg, tmp_path, task, {})], plain=task == "imdb")
        first_steps.append(stack.advance(stack.whole_epochs(12))[0])
    torch.testing.assert_close(*first_steps, rtol=0, atol=0, equal_nan=True)
    assert first_steps[1]["val_accuracy"].isfinite().any()
