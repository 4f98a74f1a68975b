"""Per-member AdamW against torch.optim.AdamW, member by member."""

import pytest
import torch
from torch.func import vmap

from grok.engine.adamw import Hyper, adamw, coefficients

LRS = (1e-5, 3e-3, 0.5)
WEIGHT_DECAYS = (0.0, 0.5, 20.0)
BETAS = ((0.9, 0.999), (0.5, 0.98), (0.0, 0.9))
STEPS = 300
MEMBERS = [
    (lr, wd, betas, eps)
    for lr in LRS
    for wd in WEIGHT_DECAYS
    for betas in BETAS
    for eps in (1e-8, 1e-3)
]


def gradients(dtype):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(STEPS, len(MEMBERS), 7, generator=generator, dtype=dtype)


def reference(dtype):
    """Every member's parameter after all steps of torch.optim.AdamW."""
    ends = []
    for i, (lr, wd, betas, eps) in enumerate(MEMBERS):
        param = torch.linspace(-1, 1, 7, dtype=dtype).requires_grad_()
        optimizer = torch.optim.AdamW([param], lr=lr, betas=betas, eps=eps, weight_decay=wd)
        for grad in gradients(dtype)[:, i]:
            param.grad = grad.clone()
            optimizer.step()
        ends.append(param.detach())
    return torch.stack(ends)


def stacked(dtype):
    """The same, all members at once."""
    lr, wd, betas, eps = zip(*MEMBERS, strict=True)
    beta1, beta2 = zip(*betas, strict=True)
    hyper = Hyper(*(torch.tensor(v, dtype=torch.float64) for v in (lr, wd, beta1, beta2, eps)))
    param = torch.linspace(-1, 1, 7, dtype=dtype).repeat(len(MEMBERS), 1)
    exp_avg, exp_avg_sq = torch.zeros_like(param), torch.zeros_like(param)

    def one(param, grad, exp_avg, exp_avg_sq, step, hyper):
        return adamw(param, grad, exp_avg, exp_avg_sq, coefficients(hyper, step, dtype))

    for step, grad in enumerate(gradients(dtype), start=1):
        steps = torch.full((len(MEMBERS),), step)
        param, exp_avg, exp_avg_sq = vmap(one)(param, grad, exp_avg, exp_avg_sq, steps, hyper)
    return param


@pytest.mark.parametrize(("dtype", "rounding"), [(torch.float32, 5e-6), (torch.float64, 1e-13)])
def test_every_member_equals_torch_adamw(dtype, rounding):
    torch.testing.assert_close(stacked(dtype), reference(dtype), rtol=rounding, atol=rounding)


def test_a_small_decay_is_not_lost_in_single_precision():
    """1 - lr * wd is taken in double precision, then rounded once."""
    hyper = Hyper(*(torch.tensor(v, dtype=torch.float64) for v in (1e-5, 0.5, 0.9, 0.999, 1e-8)))
    c = coefficients(hyper, torch.tensor(1), torch.float32)
    assert c.keep.item() == torch.tensor(1 - 5e-6, dtype=torch.float64).to(torch.float32).item()
    assert c.step_size.item() == pytest.approx(1e-4, rel=1e-7)
