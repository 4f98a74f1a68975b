"""tanh by polynomials: nearly as exact as the library's, and only where it is faster."""

import pytest
import torch
from torch._inductor.utils import run_and_get_code

from grok.engine.tanh import ByPolynomials, quotient


def test_nearly_exact():
    torch.manual_seed(0)
    x = torch.cat([torch.linspace(0, 12, 200_001)[1:], torch.logspace(-34, 1, 50_001)])
    exact = x.double().tanh()
    found = quotient(x)
    assert ((found - exact).abs() / exact).max() < 4e-7
    assert found.max() == 1
    assert torch.equal(quotient(-x), -found)


def test_extremes():
    found = quotient(torch.tensor([0.0, torch.inf, -torch.inf, torch.nan]))
    assert found[:3].tolist() == [0, 1, -1]
    assert found[3].isnan()


@pytest.mark.parametrize(("dtype", "rewritten"), [(torch.float32, True), (torch.float64, False)])
def test_only_in_single_precision(dtype, rewritten):
    options = {"post_grad_custom_pre_pass": ByPolynomials()}
    x = torch.linspace(-9, 9, 1001, dtype=dtype)
    compiled = torch.compile(lambda x: x.tanh() * 2, options=options)
    found, code = run_and_get_code(compiled, x)
    assert (".tanh()" not in "".join(code)) is rewritten
    tolerance = 8e-7 if rewritten else 1e-15
    assert (found - 2 * x.tanh()).abs().max() < tolerance
