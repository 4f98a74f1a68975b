"""Settings of optimizers: their ranges, what may differ in a stack, and their configs."""

import dataclasses
import math

import pytest
from hydra.errors import ConfigCompositionException
from hydra.utils import instantiate

from grok.checks.config import problems
from grok.composing import compose
from grok.optim import SGD, Adam, AdamW

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
        (AdamW(lr_enc=1.0, lr_dec=1.0, wd_enc=5.0, wd_dec=5.0), None),
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
    assert opt.decay_per_step() == (None if share is None else pytest.approx(share, rel=1e-12))


def test_decay_per_step_is_of_groups_that_there_are():
    opt = AdamW(**BOTH | {"wd_enc": 0.0})
    assert (opt.decay_per_step(["decoder"]), opt.decay_per_step(["encoder"])) == (5e-3, 0.0)


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
        (
            ["opt=adam", "+opt.momentum=0.9"],
            "opt.momentum=0.9: no such key of grok.optim.Adam; '~opt.momentum' takes it out",
        ),
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
