"""A step recorded on a CPU: the products it takes, what may be recorded, and how it is played."""

import ctypes
import dataclasses
import itertools
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from grok.engine import recorder as recording_module
from grok.engine.recorder import RECORDINGS
from grok.engine.recording import Recording, Where
from grok.tasks import Data, Task

SIDES = [1, 2, 7, 8, 9, 16, 33, 45, 200]


def product(a, b, bias=None, out=None, dtype=torch.float32, library=False):
    """A product by the function that recorded steps call."""
    if out is None:
        out = torch.empty(*a.shape[:-1], b.shape[-1], dtype=dtype)
    recorder = recording_module.Recorder([])
    blas = recording_module.blas
    try:
        recording_module.blas = blas if library else lambda _name: 0
        recorder.product(a, b, bias, out)
    finally:
        recording_module.blas = blas
    return out


def matrix(rows, cols, turned, dtype, generator):
    shape = (cols, rows) if turned else (rows, cols)
    whole = torch.randn(shape, dtype=dtype, generator=generator)
    return whole.mT if turned else whole


@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, 1e-6), (torch.float64, 1e-15)])
@pytest.mark.parametrize("biased", [False, True])
def test_products_of_all_shapes(dtype, near, biased):
    """To the rounding of sums of so many numbers; 300 summands are taken in two parts."""
    generator = torch.Generator().manual_seed(0)
    for m, n, k in itertools.product(SIDES, SIDES, [1, 5, 45, 300]):
        for a_turned, b_turned in itertools.product([False, True], repeat=2):
            a = matrix(m, k, a_turned, dtype, generator)
            b = matrix(k, n, b_turned, dtype, generator)
            bias = torch.randn(n, dtype=dtype, generator=generator) if biased else None
            exact = a.double() @ b.double() + (0 if bias is None else bias.double())
            size = a.double().abs() @ b.double().abs() + 1
            error = (product(a, b, bias, dtype=dtype).double() - exact).abs() / size
            assert error.max() < near, (m, n, k, a_turned, b_turned)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("turned", [False, True])
def test_large_products_are_left_to_a_library_where_it_is_faster(dtype, turned):
    generator = torch.Generator().manual_seed(0)
    a = matrix(300, 200, turned, dtype, generator)
    b = matrix(200, 257, not turned, dtype, generator)
    bias = torch.randn(257, dtype=dtype, generator=generator)
    near = {"rtol": 0, "atol": 1e-4 if dtype == torch.float32 else 1e-12}
    expected = torch.addmm(bias, a, b)
    for library in (False, True):
        torch.testing.assert_close(product(a, b, bias, None, dtype, library), expected, **near)


def test_products_of_several_matrices_and_into_gaps():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(3, 9, 20, generator=generator), torch.randn(3, 20, 17, generator=generator)
    torch.testing.assert_close(product(a, b), a @ b)
    wide = torch.zeros(9, 40)
    product(a[0], b[0], out=wide[:, 3:20])
    torch.testing.assert_close(wide[:, 3:20], a[0] @ b[0])
    assert wide[:, :3].count_nonzero() == wide[:, 20:].count_nonzero() == 0
    turned = torch.zeros(17, 9).mT
    torch.testing.assert_close(product(a[0], b[0], torch.ones(9, 1), turned), a[0] @ b[0] + 1)


def test_bits_do_not_depend_on_threads():
    """Whole columns are given to threads."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(shape, generator=generator) for shape in ((200, 100), (100, 200)))
    alone = product(a, b)
    torch.set_num_threads(2)
    assert torch.equal(product(a, b), alone)


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
        assert moved is ((size - 1) not in empty) or empty == ()
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
