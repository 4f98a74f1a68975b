"""Products by oneDNN: right for any strides, the same in any stack, and only where they pay."""

import pytest
import torch

from grok.engine import products as module
from grok.engine.products import ByOneDNN, products

pytestmark = pytest.mark.skipif(not module.AVAILABLE, reason="this PyTorch has no oneDNN")


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("transposed", [(), (0,), (1,), (0, 1)])
def test_equal_to_a_product_in_double_precision(size, transposed):
    torch.manual_seed(0)
    pair = [torch.randn(size, 60, 90), torch.randn(size, 90, 50)]
    for i in transposed:
        pair[i] = pair[i].mT.contiguous().mT
    result = products(*pair)
    expected = torch.bmm(*(factor.double() for factor in pair))
    assert result.dtype == torch.float32
    assert (result - expected).abs().max() < 3e-5


@pytest.mark.parametrize("layout", ["rows", "columns", "transposed rows", "repeated row"])
def test_a_second_factor_with_gaps_is_made_dense(layout, monkeypatch):
    """The last position of a sequence, say."""
    torch.manual_seed(0)
    a, b = (
        torch.randn(2, 60, 90),
        {
            "rows": torch.randn(2, 90, 3, 50)[:, :, -1],
            "columns": torch.randn(2, 90, 50, 3)[..., -1],
            "transposed rows": torch.randn(2, 50, 3, 90)[:, :, -1].mT,
            "repeated row": torch.randn(2, 1, 50).expand(2, 90, 50),
        }[layout],
    )
    layouts, product = [], module._product

    def watched(one, other):
        layouts.append(other.is_contiguous() or other.mT.is_contiguous())
        return product(one, other)

    monkeypatch.setattr(module, "_product", watched)
    result = products(a, b)
    assert layouts == [True, True]
    assert (result - torch.bmm(a.double(), b.double())).abs().max() < 3e-5


def test_a_members_product_does_not_depend_on_the_others():
    torch.manual_seed(0)
    inputs, weights = torch.randn(200, 784), torch.randn(3, 784, 200)
    together = products(inputs.expand(3, 200, 784), weights)
    own_inputs = products(inputs.repeat(3, 1, 1), weights)
    assert torch.equal(together, own_inputs)
    for i in range(3):
        assert torch.equal(products(inputs[None], weights[i : i + 1])[0], together[i])


@pytest.mark.parametrize(
    ("used", "shape", "dtype", "calls"),
    [
        (True, (2, 200, 160, 160), torch.float32, 2),
        (True, (2, 200, 160, 160), torch.float64, 0),
        (True, (8, 45, 200, 200), torch.float32, 0),
        (False, (2, 200, 160, 160), torch.float32, 0),
    ],
)
def test_large_ones_in_single_precision_where_it_pays(used, shape, dtype, calls, monkeypatch):
    size, n, m, p = shape
    seen = []
    monkeypatch.setattr(module, "USED", used)
    product = module._product

    def counted(a, b):
        seen.append(a.shape)
        return product(a, b)

    monkeypatch.setattr(module, "_product", counted)
    options = {"post_grad_custom_post_pass": ByOneDNN()}
    compiled = torch.compile(lambda a, b: torch.bmm(a, b).sin(), options=options)
    a, b = torch.randn(size, n, m, dtype=dtype), torch.randn(size, m, p, dtype=dtype)
    tolerance = 1e-4 if dtype == torch.float32 else 1e-12
    assert (compiled(a, b) - torch.bmm(a, b).sin()).abs().max() < tolerance
    assert len(seen) == calls


def test_processors_do_not_share_compiled_code(monkeypatch):
    names = set()
    for used in (True, False):
        monkeypatch.setattr(module, "USED", used)
        names.add(ByOneDNN().uuid())
    assert len(names) == 2


@pytest.mark.parametrize(("vendor", "intel"), [("GenuineIntel", True), ("AuthenticAMD", False)])
def test_the_processors_maker_is_read(vendor, intel, tmp_path, monkeypatch):
    told = tmp_path / "cpuinfo"
    told.write_text(f"processor : 0\nvendor_id : {vendor}\n")
    monkeypatch.setattr(module, "Path", lambda name: told)
    assert module.by_intel() is intel
