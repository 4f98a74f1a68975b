"""Every optimizer against its namesake in ``torch.optim``, and what it says of itself."""

import dataclasses
import itertools
import math

import pytest
import torch
from hydra.errors import ConfigCompositionException
from hydra.utils import instantiate
from torch.func import vmap

from grok.checks.config import problems
from grok.composing import compose
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
        _, step_size, root_correction2, *_ = values[step - 1, 0].tolist()
        assert step_size == pytest.approx(1 / (1 - 0.9**step), rel=1e-12)
        assert root_correction2 == pytest.approx((1 - 0.999**step) ** 0.5, rel=1e-12)


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


NEEDED = {"lr_enc": 1e-3, "lr_dec": 1e-3}
NUMBER = "must be a number of at least 0"
BETA = "must be two numbers in [0, 1), such as [0.9,0.999]"
OF_ALL = [
    *(({key: -1.0}, f"opt.{key}=-1.0: {NUMBER}") for key in ("lr_enc", "lr_dec")),
    *(({key: math.inf}, f"opt.{key}=inf: {NUMBER}") for key in ("wd_enc", "wd_dec", "gamma")),
    ({"lr_enc": math.nan}, f"opt.lr_enc=nan: {NUMBER}"),
    ({"warmup": -1}, "opt.warmup=-1: must be at least 0 steps"),
    ({"schedule": "up"}, "opt.schedule=up: must be one of constant, step, cosine"),
    ({"schedule": "step"}, "opt.period=null: opt.schedule=step needs a number of steps"),
    ({"schedule": "cosine"}, "opt.period=null: opt.schedule=cosine needs a number of steps"),
    ({"schedule": "cosine", "period": 0}, "opt.period=0: must be at least 1 step"),
    ({"period": -3}, "opt.period=-3: must be at least 1 step"),
    *(
        ({"clip": clip}, f"opt.clip={clip}: must be a number over 0, or null for none")
        for clip in (0.0, -1.0, math.inf, math.nan)
    ),
]
OF_ADAM = [
    ({"betas": (1.0, 0.9)}, f"opt.betas=[1.0, 0.9]: {BETA}"),
    ({"betas": (0.9, -0.1)}, f"opt.betas=[0.9, -0.1]: {BETA}"),
    ({"betas": (0.9, math.nan)}, f"opt.betas=[0.9, nan]: {BETA}"),
    ({"betas": (0.9,)}, f"opt.betas=[0.9]: {BETA}"),
    *(({"eps": eps}, f"opt.eps={eps}: {NUMBER}") for eps in (-1e-8, math.inf, math.nan)),
]
OF_SGD = [
    *(
        ({"momentum": value}, f"opt.momentum={value}: must be in [0, 1), such as 0.9")
        for value in (-0.1, 1.0, math.nan)
    ),
    ({"nesterov": True}, "opt.nesterov=true: needs an opt.momentum over 0, such as 0.9"),
]


@pytest.mark.parametrize(
    ("kind", "settings", "line"),
    [
        *((kind, *case) for kind in (AdamW, Adam, SGD) for case in OF_ALL),
        *((kind, *case) for kind in (AdamW, Adam) for case in OF_ADAM),
        *((SGD, *case) for case in OF_SGD),
    ],
)
def test_a_key_out_of_range_is_named(kind, settings, line):
    assert list(kind(**NEEDED | settings).problems()) == [line]


@pytest.mark.parametrize(
    "opt",
    [
        AdamW(lr_enc=0.0, lr_dec=0.0, betas=(0.0, 0.0), eps=0.0),
        Adam(**NEEDED, schedule="step", period=1, gamma=0.0, clip=1e-9),
        SGD(**NEEDED, momentum=0.99, nesterov=True, schedule="cosine", period=10, gamma=2.0),
        SGD(**NEEDED, period=5),
    ],
)
def test_the_ends_of_a_range_are_in_it(opt):
    assert list(opt.problems()) == []


def test_every_key_out_of_range_has_a_line():
    opt = SGD(lr_enc=-1.0, lr_dec=-2.0, warmup=-1, schedule="up", clip=0.0, momentum=2.0)
    keys = [line.partition("=")[0] for line in opt.problems()]
    assert keys == [
        f"opt.{key}" for key in ("lr_enc", "lr_dec", "warmup", "schedule", "clip", "momentum")
    ]


BOTH = {"lr_enc": 1e-2, "lr_dec": 1e-2, "wd_enc": 0.5, "wd_dec": 0.5}
NO_DECAY = BOTH | {"wd_enc": 0.0, "wd_dec": 0.0}
HALVED = {"schedule": "step", "period": 100, "gamma": 0.5}


@pytest.mark.parametrize(
    ("opt", "share"),
    [
        (AdamW(**BOTH), 5e-3),
        (AdamW(lr_enc=0.02, lr_dec=0.01, wd_enc=0.25, wd_dec=0.5), 5e-3),
        (AdamW(**BOTH, warmup=10), 5e-3),
        (AdamW(**NO_DECAY), 0.0),
        (AdamW(**BOTH | {"wd_enc": 0.0}), None),
        (AdamW(**BOTH | {"lr_enc": 0.0}), None),
        (AdamW(**BOTH, **HALVED), None),
        (Adam(**NO_DECAY), 0.0),
        (Adam(**BOTH), None),
        (Adam(**BOTH | {"wd_enc": 0.0}), None),
        (Adam(**NO_DECAY, **HALVED), None),
        (SGD(**BOTH), 5e-3),
        (SGD(**BOTH, momentum=0.9), 5e-2),
        (SGD(**BOTH, momentum=0.5, nesterov=True), 1e-2),
        (SGD(**BOTH | {"wd_dec": 0.1}, momentum=0.9), None),
        (SGD(**BOTH, momentum=0.9, **HALVED), None),
    ],
)
def test_decay_per_step(opt, share):
    assert opt.decay_per_step == (None if share is None else pytest.approx(share, rel=1e-12))


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
    assert 1 - (weight / before).item() == pytest.approx(opt.decay_per_step, rel=rounding)


NUMBERS = {
    "lr_enc": 0.5,
    "lr_dec": 0.25,
    "wd_enc": 2.0,
    "wd_dec": 3.0,
    "warmup": 7,
    "schedule": "cosine",
    "period": 9,
    "gamma": 0.7,
}


@pytest.mark.parametrize(
    ("opt", "others"),
    [
        (AdamW(**NEEDED), NUMBERS | {"betas": [0.5, 0.6], "eps": 0.1}),
        (Adam(**NEEDED, clip=1.0), NUMBERS | {"betas": [0.5, 0.6], "eps": 0.1, "clip": 5.0}),
        (SGD(**NEEDED), NUMBERS | {"momentum": 0.9}),
        (SGD(**NEEDED, momentum=0.9, nesterov=True), NUMBERS | {"momentum": 0.1}),
    ],
)
def test_numbers_may_differ_in_a_stack(opt, others):
    other = dataclasses.replace(opt, **others)
    assert opt.shared() == other.shared()
    assert hash(opt.shared()) == hash(other.shared())
    assert str(opt.shared()) == str(other.shared())


def test_the_structure_may_not_differ_in_a_stack():
    kinds = [
        kind(**NEEDED, clip=clip, **settings).shared()
        for clip in (None, 1.0)
        for kind, settings in (
            (AdamW, {}),
            (Adam, {}),
            (SGD, {"momentum": 0.9}),
            (SGD, {"momentum": 0.9, "nesterov": True}),
        )
    ]
    assert len(set(kinds)) == len({str(kind) for kind in kinds}) == 8


OF_SCHEDULE = {"warmup": 0, "schedule": "constant", "period": None, "gamma": 0.1, "clip": None}
RATES = {"lr_enc": 1e-3, "lr_dec": 1e-4, "wd_enc": 0.0, "wd_dec": 1.0}
MOMENTS = {"betas": [0.9, 0.999], "eps": 1e-8}


@pytest.mark.parametrize(
    ("name", "kind", "values"),
    [
        ("adamw", AdamW, RATES | MOMENTS | OF_SCHEDULE),
        ("adam", Adam, RATES | MOMENTS | OF_SCHEDULE),
        (
            "sgd",
            SGD,
            {"lr_enc": 0.1, "lr_dec": 0.1, "wd_enc": 0.0, "wd_dec": 1e-4}
            | {"momentum": 0.9, "nesterov": False}
            | OF_SCHEDULE,
        ),
    ],
)
def test_the_config_of_each(name, kind, values):
    cfg = compose(f"opt={name}")
    opt = instantiate(cfg.opt, _convert_="all")
    assert type(opt) is kind
    assert dataclasses.asdict(opt) == values
    assert problems(cfg) == []


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["opt.betas=[0.9]"], f"opt.betas=[0.9]: {BETA}"),
        (["opt=adam", "opt.eps=-1"], f"opt.eps=-1.0: {NUMBER}"),
        (["opt=adam", "+opt.momentum=0.9"], "opt.momentum=0.9: no such key"),
        (["opt=sgd", "opt.momentum=2"], "opt.momentum=2.0: must be in [0, 1), such as 0.9"),
        (["opt=sgd", "opt.nesterov=often"], "opt.nesterov=often: must be true or false"),
        (
            ["opt=sgd", "opt.nesterov=true", "opt.momentum=0"],
            "opt.nesterov=true: needs an opt.momentum over 0, such as 0.9",
        ),
        (
            ["opt=sgd", "opt.schedule=cosine"],
            "opt.period=null: opt.schedule=cosine needs a number of steps",
        ),
        (
            ["opt.period=1.5"],
            "opt.period=1.5: must be a whole number in plain digits, such as 100000, or null",
        ),
        (["opt.clip=0"], "opt.clip=0.0: must be a number over 0, or null for none"),
    ],
)
def test_an_override_out_of_range_has_its_line(overrides, line):
    assert problems(compose(*overrides)) == [line]


def test_a_key_of_another_optimizer_is_refused():
    with pytest.raises(ConfigCompositionException, match=r"Could not override 'opt.momentum'"):
        compose("opt=adam", "opt.momentum=0.9")
