"""A step recorded on a CPU: what may be recorded, and how it is played."""

import ctypes
import dataclasses
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from grok.engine.recorder import RECORDINGS
from grok.engine.recording import Recording, Where
from grok.tasks import Data, Task


def test_calls_are_played_for_each_member_and_step():
    """Of two inputs of shape (members, 4), and of one of shape (steps, 4) that is added."""
    library = ctypes.CDLL(None)
    copied = ctypes.cast(library.memmove, ctypes.c_void_p).value
    length = Where(16)  # memmove's third argument is a number, given as an address
    source, target = torch.arange(12.0).view(3, 4), torch.zeros(3, 4)
    play = Recording([(copied, 0, 3)], [(0, 0), (1, 0), (2, 0)], None).play
    play([Where(target.data_ptr(), 16), Where(source.data_ptr(), 16), length], [2, 0], 1)
    assert target.tolist() == [[0, 1, 2, 3], [0, 0, 0, 0], [8, 9, 10, 11]]
    by_step = torch.arange(20.0).view(5, 4)
    play([Where(target.data_ptr(), 16), Where(by_step.data_ptr(), 0, 16), length], [1], 5)
    assert target[1].tolist() == [16, 17, 18, 19]


@dataclass(frozen=True)
class Sorted(Task):
    """Sorts what its layer gives, which the compiler leaves to PyTorch."""

    def network(self):
        torch.manual_seed(0)
        layer = nn.Module()
        layer.decoder = nn.Linear(3, 4)
        layer.forward = lambda inputs: layer.decoder(inputs).sort(dim=-1, stable=True).values
        return layer

    def data(self, seed):
        inputs = torch.randn(20, 3, generator=torch.Generator().manual_seed(seed))
        batch = {"inputs": inputs, "labels": inputs.sum(-1).sign().long() + 1}
        return Data({name: part[:12] for name, part in batch.items()}, batch)

    def loss_of(self, outputs, batch):
        return nn.functional.cross_entropy(outputs, batch["labels"])

    def correct(self, outputs, batch):
        return outputs.argmax(-1) == batch["labels"]


@pytest.mark.long
def test_what_cannot_be_recorded_is_compiled_for_the_stack(make_member, stack_of, caplog):
    caplog.set_level(logging.INFO, "grok")
    members = [
        dataclasses.replace(make_member(str(i), lr=lr), task=Sorted())
        for i, lr in enumerate((0.01, 0.1))
    ]
    stack, eager = stack_of(members, compiled=True), stack_of(members)
    metrics, expected = stack.advance(20)[0], eager.advance(20)[0]
    assert stack.compiled
    assert not stack.leaves_out_empty
    for name in expected:
        torch.testing.assert_close(metrics[name], expected[name], rtol=1e-4, atol=1e-6)
    assert any("compiled for the whole stack, for it has a call of" in m for m in caplog.messages)


@pytest.mark.long
def test_a_recording_serves_stacks_of_all_sizes(make_member, stack_of):
    """And one slot's member is the same to the bit whoever else trains, or doesn't."""
    members = [make_member(str(i), model=i, lr=0.01 * (i + 1)) for i in range(5)]
    before, weights = None, []
    for size, empty in ((1, ()), (3, ()), (5, ()), (5, (1, 2, 4))):
        stack = stack_of(members[:size], compiled=True)
        stack.advance(40, empty)
        before = before or len(RECORDINGS)
        assert len(RECORDINGS) == before
        weights.append(stack.weights(0))
        untouched = stack_of(members[:size]).weights(size - 1)
        moved = any(not torch.equal(stack.weights(size - 1)[n], t) for n, t in untouched.items())
        assert moved is (size - 1 not in empty)
    for other in weights[1:]:
        for name, tensor in weights[0].items():
            assert torch.equal(tensor, other[name]), name


@pytest.mark.long
def test_stacks_in_threads_do_not_share_numbers(make_member, stack_of):
    """They share a recording, whose buffers one step has at a time."""
    members = [make_member(str(i), model=i) for i in range(2)]
    alone = [stack_of([member], compiled=True) for member in members]
    for stack in alone:
        stack.advance(400)
    together = [stack_of([member], compiled=True) for member in members]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda stack: [stack.advance(40) for _ in range(10)], together))
    for one, other in zip(alone, together, strict=True):
        for name, tensor in one.weights(0).items():
            assert torch.equal(tensor, other.weights(0)[name]), name
