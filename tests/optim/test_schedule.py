"""Learning rates over time, against values by hand and the schedulers of PyTorch."""

import math

import pytest
import torch
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    CosineAnnealingLR,
    LambdaLR,
    LinearLR,
    StepLR,
)

from grok.optim import SGD

LR = 0.3
CONSTANT = {}
WARMUP = {"warmup": 8}
STEP = {"schedule": "step", "period": 10, "gamma": 0.5}
COSINE = {"schedule": "cosine", "period": 40, "gamma": 0.1}
TO_ZERO = COSINE | {"gamma": 0.0}


def opt_of(settings):
    return SGD(lr_enc=LR, lr_dec=LR, **settings)


@pytest.mark.parametrize(
    ("settings", "factors"),
    [
        (CONSTANT, {0: 1, 1: 1, 10**9: 1}),
        (WARMUP, {0: 1 / 8, 3: 1 / 2, 6: 7 / 8, 7: 1, 8: 1, 10**9: 1}),
        ({"warmup": 1}, {0: 1, 1: 1}),
        (STEP, {0: 1, 9: 1, 10: 1 / 2, 19: 1 / 2, 20: 1 / 4, 10**9: 0}),
        (STEP | {"gamma": 0.0}, {0: 1, 9: 1, 10: 0, 11: 0}),
        (STEP | {"gamma": 2}, {0: 1, 10: 2, 10_230: 2.0**1023, 10_240: math.inf}),
        (COSINE, {0: 1, 20: 0.55, 40: 0.1, 41: 0.1, 80: 0.1, 10**9: 0.1}),
        (TO_ZERO, {0: 1, 10: (2 + 2**0.5) / 4, 20: 1 / 2, 40: 0, 41: 0}),
        (COSINE | {"gamma": 1.0}, {0: 1, 20: 1, 41: 1}),
        (WARMUP | STEP, {0: 1 / 8, 7: 1, 10: 1 / 2}),
        (WARMUP | STEP | {"period": 4}, {3: 1 / 2, 4: 5 / 16, 7: 1 / 2, 8: 1 / 4}),
        (WARMUP | COSINE, {0: 1 / 8, 3: opt_of(COSINE).lr_factor(3) / 2, 20: 0.55, 50: 0.1}),
    ],
)
def test_factors_by_hand(settings, factors):
    opt = opt_of(settings)
    for step, factor in factors.items():
        assert opt.lr_factor(step) == pytest.approx(factor, rel=1e-14, abs=1e-16)


@pytest.mark.parametrize(
    ("settings", "scheduler", "steps"),
    [
        (WARMUP, lambda o: LinearLR(o, 1 / 8, total_iters=7), 100),
        (WARMUP, lambda o: LambdaLR(o, lambda step: min(step + 1, 8) / 8), 100),
        (STEP, lambda o: StepLR(o, 10, gamma=0.5), 100),
        # PyTorch's goes up again after its period
        (COSINE, lambda o: CosineAnnealingLR(o, 40, eta_min=0.1 * LR), 41),
        (TO_ZERO, lambda o: CosineAnnealingLR(o, 40), 41),
        (
            WARMUP | STEP,
            lambda o: ChainedScheduler([LinearLR(o, 1 / 8, total_iters=7), StepLR(o, 10, 0.5)]),
            100,
        ),
        (
            WARMUP | TO_ZERO,
            lambda o: ChainedScheduler(
                [LinearLR(o, 1 / 8, total_iters=7), CosineAnnealingLR(o, 40)]
            ),
            41,
        ),
    ],
)
def test_learning_rates_are_those_of_pytorchs_scheduler(settings, scheduler, steps):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR)
    reference, expected = scheduler(optimizer), []
    for _ in range(steps):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        reference.step()
    found = [LR * factor for factor in opt_of(settings).lr_factors(0, steps)]
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("settings", [CONSTANT, WARMUP | STEP, WARMUP | COSINE])
def test_how_steps_are_cut_into_calls_changes_no_factor(settings):
    opt = opt_of(settings)
    whole = opt.lr_factors(0, 60)
    assert whole == opt.lr_factors(0, 1) + opt.lr_factors(1, 44) + opt.lr_factors(45, 15)
    assert whole == tuple(opt.lr_factor(step) for step in range(60))
