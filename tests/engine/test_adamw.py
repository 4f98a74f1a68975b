"""Per-member AdamW against torch.optim.AdamW, member by member."""

import pytest
import torch
from torch.func import vmap

from grok.engine.adamw import Coefficients, Hyper, adamw, coefficients

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


def hyper_of(*members):
    """The members' hyperparameters, shape (K, 1): one group."""
    rows = [(lr, wd, *betas, eps) for lr, wd, betas, eps in members]
    return Hyper(*torch.tensor(rows, dtype=torch.float64).unsqueeze(1).unbind(-1))


def stacked(dtype, calls):
    """The same, all members at once, in `calls` of so many steps."""
    hyper = hyper_of(*MEMBERS)
    powers = torch.ones(len(MEMBERS), 1, 2, dtype=torch.float64)
    param = torch.linspace(-1, 1, 7, dtype=dtype).repeat(len(MEMBERS), 1)
    exp_avg, exp_avg_sq = torch.zeros_like(param), torch.zeros_like(param)

    def one(param, grad, exp_avg, exp_avg_sq, row):
        return adamw(param, grad, exp_avg, exp_avg_sq, Coefficients(*row.unbind(-1)))

    grads = iter(gradients(dtype))
    for steps in calls:
        table, powers = coefficients(hyper, powers, steps, dtype)
        for rows in table[:, :, 0]:
            param, exp_avg, exp_avg_sq = vmap(one)(param, next(grads), exp_avg, exp_avg_sq, rows)
    return param


@pytest.mark.parametrize(("dtype", "rounding"), [(torch.float32, 5e-6), (torch.float64, 1e-13)])
def test_every_member_equals_torch_adamw(dtype, rounding):
    end = stacked(dtype, [STEPS])
    torch.testing.assert_close(end, reference(dtype), rtol=rounding, atol=rounding)


def test_how_steps_are_cut_into_calls_changes_nothing():
    assert torch.equal(stacked(torch.float64, [1, 199, 100]), stacked(torch.float64, [STEPS]))


def test_a_small_decay_is_not_lost_in_single_precision():
    """1 - lr * wd is taken in double precision, then rounded once."""
    hyper = hyper_of((1e-5, 0.5, (0.9, 0.999), 1e-8))
    powers = torch.ones(1, 1, 2, dtype=torch.float64)
    table, powers = coefficients(hyper, powers, 2, torch.float32)
    c = Coefficients(*table[0, 0, 0])
    assert c.keep.item() == torch.tensor(1 - 5e-6, dtype=torch.float64).to(torch.float32).item()
    assert c.step_size.item() == pytest.approx(1e-4, rel=1e-7)
    assert powers.flatten().tolist() == pytest.approx([0.81, 0.998001])


def test_bias_corrections_stay_exact_over_a_long_run():
    hyper = hyper_of((1.0, 0.0, (0.9, 0.999), 1e-8))
    powers = torch.ones(1, 1, 2, dtype=torch.float64)
    table, _ = coefficients(hyper, powers, 5000, torch.float64)
    for step in (1, 100, 5000):
        c = Coefficients(*table[step - 1, 0, 0].tolist())
        assert c.step_size == pytest.approx(1 / (1 - 0.9**step), rel=1e-12)
        assert c.root_correction2 == pytest.approx((1 - 0.999**step) ** 0.5, rel=1e-12)
