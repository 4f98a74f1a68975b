"""Matrix products of recorded steps: of all shapes, in all orientations, with any bias."""

import itertools

import pytest
import torch

from grok.engine import products
from grok.engine.recording import UnrecordableError

SIDES = [1, 2, 7, 8, 9, 16, 33, 45, 200]


def product(a, b, bias=None, out=None, dtype=torch.float32, library=False):
    """A product by the function that recorded steps call, large ones by a library or not."""
    if out is None:
        out = torch.empty(*a.shape[:-1], b.shape[-1], dtype=dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "by_intel", lambda: True)
        patch.setattr(products, "blas", products.blas.__wrapped__ if library else lambda _name: 0)
        products.product(a, b, bias, out)
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


@pytest.mark.parametrize("library", [False, True])
@pytest.mark.parametrize("strides", [(0, 1), (1, 0), (1, 1)])
def test_rows_that_lie_over_one_another(library, strides):
    """As in the gradient of a sum, which is the same for all samples: BLAS takes no such matrix."""
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randn(600, dtype=torch.float64, generator=generator)
    other = torch.randn(250, 257, dtype=torch.float64, generator=generator)
    a = numbers.as_strided((200, 250), strides)
    for left, right in ((a, other), (other.mT, a.mT)):
        found = product(left, right, dtype=torch.float64, library=library)
        torch.testing.assert_close(found, left.contiguous() @ right.contiguous())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("turned", [False, True])
def test_large_products_are_left_to_a_library_where_it_is_faster(dtype, turned):
    generator = torch.Generator().manual_seed(0)
    a = matrix(300, 200, turned, dtype, generator)
    b = matrix(200, 257, not turned, dtype, generator)
    bias = torch.randn(257, dtype=dtype, generator=generator)
    near = {"rtol": 0, "atol": 5e-5 if dtype == torch.float32 else 1e-13}
    expected = torch.addmm(bias, a, b)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "by_intel", lambda: True)
        if not products.blas.__wrapped__("sgemm_"):
            pytest.skip("PyTorch brings no BLAS that can be called")
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


@pytest.mark.parametrize("a_turned", [False, True])
@pytest.mark.parametrize("b_turned", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_in_several_blocks(a_turned, b_turned, dtype):
    """Of rows, columns and summands; columns of a that lie far apart are put together."""
    generator = torch.Generator().manual_seed(0)
    a = matrix(603, 600, a_turned, dtype, generator)
    b = matrix(600, 103, b_turned, dtype, generator)
    bias = torch.randn(603, 1, dtype=dtype, generator=generator)
    exact = (a.double() @ b.double() + bias.double(), a.double().abs() @ b.double().abs())
    turned = product(b.mT, a.mT, bias.mT, dtype=dtype).mT
    for found in (product(a, b, bias, dtype=dtype), turned):
        error = (found.double() - exact[0]).abs() / exact[1]
        assert error.max() < (1e-6 if dtype == torch.float32 else 1e-15)


@pytest.mark.parametrize("shape", [(200, 100, 200), (1003, 50, 64)])
def test_bits_do_not_depend_on_threads(shape):
    """Whole columns are given to threads, or rows where there are more of them."""
    m, k, n = shape
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(m, k, generator=generator), torch.randn(k, n, generator=generator)
    alone = product(a, b)
    torch.set_num_threads(2)
    assert torch.equal(product(a, b), alone)


def test_what_products_there_are_not():
    whole, wide = torch.zeros(4, 4, dtype=torch.int64), torch.zeros(8, 8)
    with pytest.raises(UnrecordableError, match=r"a product of torch\.int64"):
        products.product(whole, whole, None, whole)
    with pytest.raises(UnrecordableError, match="a product with strides"):
        products.product(wide[:4, :4], wide[:4, :4], None, wide[::2, ::2])
