"""Every optimizer against its namesake in ``torch.optim``, and what it says of itself."""

import dataclasses
import itertools
import math

import pytest
import torch
from torch.func import vmap

from grok.optim import GROUPS, SGD, Adam, AdamW
from grok.optim.coefficients import clipped, table

LRS = (1e-5, 3e-3, 0.5)
BETAS_AND_EPS = (
    *(((0.9, 0.999), 1e-8), ((0.9, 0.999), 1e-3)),
    *(((0.5, 0.98), 1e-5), ((0.0, 0.9), 1e-8)),
)
STEPS = 300


def adams(kind, weight_decays):
    return [
        kind(lr_enc=lr, lr_dec=0.0, wd_enc=wd, betas=betas, eps=eps)
        for lr, wd, (betas, eps) in itertools.product(LRS, weight_decays, BETAS_AND_EPS)
    ]


def sgds(momenta, nesterov):
    return [
        SGD(lr_enc=lr, lr_dec=0.0, wd_enc=wd, momentum=momentum, nesterov=nesterov)
        for lr, wd, momentum in itertools.product(LRS, (0.0, 0.05, 0.5), momenta)
    ]


STACKS = {
    "adamw": adams(AdamW, (0.0, 0.5, 20.0)),
    "adam": adams(Adam, (0.0, 0.05, 2.0)),
    "sgd": sgds((0.0, 0.5, 0.9), nesterov=False),
    "nesterov": sgds((0.3, 0.9), nesterov=True),
}


def start(opts, dtype):
    """Parameters that the members begin with, a row each, and the gradients of all steps."""
    generator = torch.Generator().manual_seed(0)
    grads = torch.randn(STEPS, len(opts), 7, generator=generator, dtype=dtype)
    return torch.linspace(-1, 1, 7, dtype=dtype).repeat(len(opts), 1), grads


def reference(opts, dtype):
    """Every member's parameter after all steps of the namesake."""
    start_at, grads = start(opts, dtype)
    params = [row.clone().requires_grad_() for row in start_at]
    groups = [
        {"params": [param], "lr": opt.lr_enc, "weight_decay": opt.wd_enc}
        | ({"momentum": opt.momentum, "nesterov": opt.nesterov} if isinstance(opt, SGD) else {})
        | ({"betas": opt.betas, "eps": opt.eps} if isinstance(opt, AdamW) else {})
        for opt, param in zip(opts, params, strict=True)
    ]
    optimizer = getattr(torch.optim, type(opts[0]).__name__)(groups)
    for rows in grads:
        for param, grad in zip(params, rows, strict=True):
            param.grad = grad.clone()
        optimizer.step()
    return torch.stack([param.detach() for param in params])


def hyper_of(opts):
    each = [opt.hyper() for opt in opts]
    return {name: torch.stack([hyper[name] for hyper in each]) for name in each[0]}


def coefficients_of(opts, steps, dtype, done=0, powers=None):
    """The coefficients of the encoder, shape (steps, K, n), and the new powers."""
    hyper = hyper_of(opts)
    if powers is None:
        powers = torch.ones_like(opts[0].rates(hyper))
    factors = torch.tensor([opt.lr_factors(done, steps) for opt in opts], dtype=torch.float64)
    values, powers = table(opts[0], hyper, powers, factors.T[..., None], dtype)
    assert values.shape[:3] == (steps, len(opts), len(GROUPS))
    return values[:, :, 0], powers


def stacked(opts, dtype, calls):
    """The same as `reference`, all members at once, in `calls` of so many steps."""
    params, grads = start(opts, dtype)
    moments = tuple(torch.zeros_like(params) for _ in opts[0].MOMENTS)
    shared, powers, done = opts[0].shared(), None, 0

    def one(param, grad, moments, row):
        return shared.update(param, grad, moments, row.unbind(-1))

    for steps in calls:
        values, powers = coefficients_of(opts, steps, dtype, done, powers)
        for i, rows in enumerate(values):
            params, moments = vmap(one)(params, grads[done + i], moments, rows)
        done += steps
    return params


@pytest.mark.long
@pytest.mark.parametrize(("dtype", "rounding"), [(torch.float32, 5e-6), (torch.float64, 1e-13)])
@pytest.mark.parametrize("opts", STACKS.values(), ids=STACKS)
def test_every_member_equals_the_namesake(opts, dtype, rounding):
    end = stacked(opts, dtype, [STEPS])
    torch.testing.assert_close(end, reference(opts, dtype), rtol=rounding, atol=rounding)


@pytest.mark.parametrize("opts", STACKS.values(), ids=STACKS)
def test_how_steps_are_cut_into_calls_changes_nothing(opts):
    opts = [
        dataclasses.replace(opt, warmup=i % 40, schedule="step", period=50 + i, gamma=0.5)
        for i, opt in enumerate(opts)
    ]
    calls = (stacked(opts, torch.float64, calls) for calls in ([1, 199, 100], [STEPS]))
    assert torch.equal(*calls)


def test_a_small_decay_is_not_lost_in_single_precision():
    """1 - lr * wd is taken in double precision, then rounded once."""
    opt = AdamW(lr_enc=1e-5, lr_dec=0.0, wd_enc=0.5)
    values, powers = coefficients_of([opt], 2, torch.float32)
    keep, step_size, *_ = values[0, 0]
    assert keep.item() == torch.tensor(1 - 5e-6, dtype=torch.float64).to(torch.float32).item()
    assert step_size.item() == pytest.approx(1e-4, rel=1e-7)
    assert powers[0, 0].tolist() == pytest.approx([0.81, 0.998001])


@pytest.mark.parametrize("kind", [AdamW, Adam])
def test_bias_corrections_stay_exact_over_a_long_run(kind):
    values, _ = coefficients_of([kind(lr_enc=1.0, lr_dec=0.0)], 5000, torch.float64)
    for step in (1, 100, 5000):
        _, step_size, corrects, *_ = values[step - 1, 0].tolist()
        assert step_size == pytest.approx(1 / (1 - 0.9**step), rel=1e-12)
        assert corrects == pytest.approx((1 - 0.999**step) ** -0.5, rel=1e-12)


@pytest.mark.parametrize("size", [0.0, 1e-9, 0.5, 1.0, 1e9, math.inf])
@pytest.mark.parametrize(("dtype", "rounding"), [(torch.float32, 1e-6), (torch.float64, 1e-14)])
def test_gradients_are_clipped_as_pytorch_clips_them(dtype, rounding, size):
    generator = torch.Generator().manual_seed(0)
    grads = {
        name: size * torch.randn(shape, generator=generator, dtype=dtype)
        for name, shape in (("encoder.weight", (4, 3)), ("decoder.weight", (5,)), ("b", ()))
    }
    params = {name: torch.zeros_like(grad) for name, grad in grads.items()}
    for name, grad in grads.items():
        params[name].grad = grad.clone()
    torch.nn.utils.clip_grad_norm_(params.values(), 2.0)
    found = clipped(grads, torch.tensor(2.0, dtype=dtype))
    for name, param in params.items():
        torch.testing.assert_close(found[name], param.grad, rtol=rounding, atol=0, equal_nan=True)


@pytest.mark.parametrize(
    ("opt", "rounding"),
    [
        (AdamW(lr_enc=1e-2, lr_dec=1e-2, wd_enc=1e-2, wd_dec=1e-2), 1e-10),
        # to first order in the share
        (SGD(lr_enc=1e-2, lr_dec=1e-2, wd_enc=1e-2, wd_dec=1e-2, momentum=0.9), 2e-2),
        (
            SGD(lr_enc=1e-2, lr_dec=1e-2, wd_enc=1e-2, wd_dec=1e-2, momentum=0.8, nesterov=True),
            2e-2,
        ),
    ],
)
def test_a_weight_without_a_gradient_loses_that_share_in_a_step(opt, rounding):
    values, _ = coefficients_of([opt], STEPS, torch.float64)
    weight, nothing = torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    moments = tuple(nothing for _ in opt.MOMENTS)
    for row in values[:, 0]:
        before = weight
        weight, moments = opt.update(weight, nothing, moments, row.unbind(-1))
    assert 1 - (weight / before).item() == pytest.approx(opt.decay_per_step(), rel=rounding)
