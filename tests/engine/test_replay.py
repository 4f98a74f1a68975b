"""Capturing, replaying, refilling and shrinking change no bit of what the step does."""

import pytest
import torch
from torch.utils import _pytree as pytree

from grok.composing import compose
from grok.engine import replay
from grok.engine.stack import Stack
from grok.job import make_member
from tests.fake_graph import FakeGraph, install

TOY = [
    ["opt.lr_dec=1e-2"],
    ["opt.lr_dec=3e-4", "opt.wd_dec=5", "seed.model=101"],
    ["opt.lr_dec=1e-3", "task.init_scale=2"],
    ["opt.lr_dec=1e-4", "seed.model=7"],
    ["opt.lr_dec=2e-3", "opt.wd_dec=1"],
    ["opt.lr_dec=1e-3", "seed.data=41"],  # data of its own
]
QM9 = [
    ["opt.lr_dec=1e-2"],
    ["seed.model=5"],
    ["opt.wd_dec=1"],
    ["seed.model=9"],
    ["seed.data=3"],
    ["opt.lr_dec=1e-3"],
]


def history(task, cells, tmp_path, compiled):
    """Metrics and state after each chapter of a stack's life, of four slots, and its last step."""
    members = [make_member(compose(f"task={task}", *cell), tmp_path, task, {}) for cell in cells]
    drawn = [member.drawn(torch.float32) for member in members]
    stack = Stack(members[0].task, drawn[:4], torch.device("cpu"), compiled)
    told = []

    def chapter():
        metrics, _ = stack.advance(stack.whole_epochs(6))
        told.append(pytree.tree_map(torch.clone, (metrics, stack.state)))

    chapter()
    chapter()
    stack.put(1, drawn[4])
    chapter()
    stack.put(0, drawn[5])
    chapter()
    stack.keep([2, 0])
    chapter()
    copy, done = stack.copied(), stack.done
    chapter()
    stack.go_back(copy, done)
    chapter()
    return told, stack._step


@pytest.mark.long
@pytest.mark.parametrize(("block", "beside"), [(64, 8), (2, 8), (2, 1)])
@pytest.mark.parametrize(("task", "cells", "sizes"), [("toy_regression", TOY, 1), ("qm9", QM9, 2)])
def test_a_captured_step_gives_the_plain_steps_bits(
    task, cells, sizes, block, beside, tmp_path, monkeypatch
):
    """Of QM9 the last minibatch of an epoch is smaller: it has a capture of its own."""
    monkeypatch.setattr(replay, "BESIDE", beside)
    replay._streams.cache_clear()
    plain, _ = history(task, cells, tmp_path, False)
    install(monkeypatch, block)
    captured, step = history(task, cells, tmp_path, True)
    assert len(step._captured) == sizes
    for one, other in zip(plain, captured, strict=True):
        for a, b in zip(pytree.tree_leaves(one), pytree.tree_leaves(other), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)


def test_what_is_replayed_reads_the_tensors_of_its_capture():
    """The stand-in itself: otherwise the equality above would show nothing."""
    weights, graph, runs = torch.ones(3), FakeGraph(), []
    with graph:
        runs.append(1)
        doubled = weights * 2
        weights.add_(doubled[:1])
    weights.fill_(5)
    graph.replay()
    assert (weights.tolist(), doubled.tolist(), runs) == ([15] * 3, [10] * 3, [1])
    with pytest.raises(RuntimeError, match="not permitted"), FakeGraph():
        weights.sum().item()
