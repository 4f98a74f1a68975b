"""Optimizers held against their contract, and what departs from it told in a line."""

from dataclasses import dataclass, field

import pytest
import torch

from grok import check_optimizer
from grok.checks.config import problems
from grok.composing import compose
from grok.errors import ConfigError
from grok.optim import SGD, Adam, AdamW, Optimizer

RATES = {"lr_enc": 1e-2, "lr_dec": 1e-3, "wd_enc": 0.5, "wd_dec": 0.25}


@dataclass(frozen=True)
class Signs(Optimizer):
    """Steps by the sign of the gradient, as long as its mean says; right in all."""

    MOMENTS = ("mean",)
    beta: float = 0.5

    def numbers(self):
        return {"beta": self.beta}

    def coefficients(self, lr, hyper, powers):
        return lr, hyper["beta"]

    def update(self, param, grad, moments, c):
        lr, beta = c
        mean = moments[0] * beta + grad.sign() * (1 - beta)
        return param - mean * lr, (mean,)

    def plain_update(self, group):
        for param, grad, mean in zip(group.params, group.grads, group.moments[0], strict=True):
            mean.mul_(self.beta).add_(grad.sign(), alpha=1 - self.beta)
            param.sub_(mean, alpha=group.lr)


@dataclass(frozen=True)
class Stubborn(Signs):
    """Steps by its default whatever it is told."""

    def coefficients(self, lr, hyper, powers):
        return lr, torch.full_like(lr, Signs.beta)


def forgetful(self, group):
    """Like `Signs.plain_update` in the first step, for it keeps no moment."""
    for param, grad in zip(group.params, group.grads, strict=True):
        param.sub_(grad.sign(), alpha=group.lr * (1 - self.beta))


def in_place(self, param, grad, moments, c):
    """Like `Signs.update`, but its mean is written over the one before."""
    lr, beta = c
    mean = moments[0].mul_(beta).add_(grad.sign() * (1 - beta))
    return param - mean * lr, (mean,)


def decaying(self, param, grad, moments, c):
    """Takes a weight decay of its own, and that of a stack is none."""
    param, moments = Signs.update(self, param, grad, moments, c)
    return param * (1 - self.wd_dec), moments


def plainly_decaying(self, group):
    """As `decaying` is meant."""
    Signs.plain_update(self, group)
    for param in group.params:
        param.mul_(1 - group.weight_decay)


@dataclass(frozen=True)
class Bare(Signs):
    """Has a field without a default."""

    gain: float = field(kw_only=True)


@dataclass(frozen=True)
class Unfinished(Optimizer):
    """Lacks most of what an optimizer is."""

    def numbers(self):
        return {}


@pytest.mark.parametrize(
    "more", [{}, {"warmup": 5}, {"clip": 0.1}, {"schedule": "step", "period": 3}]
)
@pytest.mark.parametrize(
    "kind",
    [AdamW, Adam, SGD, Signs, lambda **of: SGD(momentum=0.9, nesterov=True, **of)],
)
def test_sound_ones_pass(kind, more):
    check_optimizer(kind(**RATES, **more))


@pytest.mark.parametrize(
    ("methods", "line"),
    [
        ({"MOMENTS": ()}, "opt: Wrong.update fails (IndexError: tuple index out of range)"),
        (
            {"update": lambda self, param, grad, moments, c: param},
            "opt: Wrong.update must return (param, moments), a tuple of MOMENTS (mean)",
        ),
        (
            {"update": lambda self, param, grad, moments, c: (param, ())},
            "opt: Wrong.update must return (param, moments), a tuple of MOMENTS (mean)",
        ),
        (
            {"update": lambda self, param, grad, moments, c: (param, (grad.sum(),))},
            "opt: Wrong.update gives mean as torch.float64 of shape () instead of torch.float64 of "
            "shape (3, 2)",
        ),
        (
            {"coefficients": lambda self, lr, hyper, powers: (lr,)},
            "opt: Wrong.update fails (ValueError: not enough values to unpack (expected 2, got 1))",
        ),
        (
            {"numbers": lambda self: {"beta": None}},
            "opt: Wrong.numbers fails (TypeError: must be real number, not NoneType)",
        ),
        (
            {"plain_update": lambda self, group: None},
            "opt: Wrong.plain_update and update differ by 0.025 after 2 steps; make them equal, "
            "update by what coefficients give and by nothing of its own",
        ),
        (
            {"update": in_place},
            "opt: Wrong.update changes what it is given in place; let it return new tensors",
        ),
        (
            {"update": decaying, "plain_update": plainly_decaying},
            "opt: Wrong.plain_update and update differ by 1.2 after 2 steps; make them equal, "
            "update by what coefficients give and by nothing of its own",
        ),
        (
            {"plain_update": forgetful},
            "opt: Wrong.plain_update and update differ by 0.025 after 2 steps; make them equal, "
            "update by what coefficients give and by nothing of its own",
        ),
    ],
)
def test_each_mistake_is_a_line(methods, line):
    wrong = dataclass(frozen=True)(type("Wrong", (Signs,), methods))
    with pytest.raises(ConfigError) as told:
        check_optimizer(wrong(**RATES))
    assert str(told.value) == line


@pytest.mark.parametrize("wrong", [Signs, 3])
def test_what_is_no_optimizer_at_all(wrong):
    with pytest.raises(ConfigError, match=r": is no optimizer; pass one, such as Mine\(lr_enc="):
        check_optimizer(wrong)


def test_rates_under_which_no_mistake_shows():
    methods = {"update": decaying, "plain_update": plainly_decaying}
    wrong = dataclass(frozen=True)(type("Wrong", (Signs,), methods))
    with pytest.raises(ConfigError, match=r"plain_update and update differ"):
        check_optimizer(wrong(lr_enc=1e-7, lr_dec=1e-7))


def test_rates_that_it_refuses_are_not_tried():
    def refuse(self):
        if self.wd_dec:
            raise ValueError("has no weight decay")

    kind = dataclass(frozen=True)(type("Bare", (Signs,), {"__post_init__": refuse}))
    check_optimizer(kind(lr_enc=1.0, lr_dec=1.0))


@pytest.mark.parametrize("method", ["update", "coefficients"])
def test_numbers_of_its_own_are_told(method):
    """In a stack they would be those of a neighbour, or of nobody."""

    def update(self, param, grad, moments, c):
        mean = moments[0] * self.beta + grad.sign() * (1 - self.beta)
        return param - mean * c[0], (mean,)

    def coefficients(self, lr, hyper, powers):
        return lr, torch.full_like(lr, self.beta)

    wrong = dataclass(frozen=True)(type("Wrong", (Signs,), {method: locals()[method]}))
    check_optimizer(wrong(**RATES))
    with pytest.raises(ConfigError, match=r"differ by .* by nothing of its own"):
        check_optimizer(wrong(**RATES, beta=0.9))


def test_each_setting_of_ones_own_is_tried():
    """A mistake may show at some values only."""
    cfg, judged = compose(), {}
    cfg.opt = {"_target_": "tests.checks.test_optimizer_check.Stubborn", **RATES, "beta": 0.5}
    assert problems(cfg, judged) == []
    cfg.opt.beta = 0.9
    (line,) = problems(cfg, judged)
    assert line.startswith("opt: Stubborn.plain_update and update differ by")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("Signs", None),
        ("Bare", "opt: Bare.gain has no default; give it one, which a stack starts from"),
        (
            "Unfinished",
            "opt._target_=tests.checks.test_optimizer_check.Unfinished: lacks coefficients, "
            "plain_update, update; see grok.optim.Optimizer",
        ),
        (
            "RATES",
            "opt._target_=tests.checks.test_optimizer_check.RATES: is no optimizer; make it a "
            "subclass of grok.optim.Optimizer",
        ),
    ],
)
def test_ones_own_is_tried_before_anything_trains(name, line):
    cfg = compose()
    gain = {"gain": 1.0} if name == "Bare" else {}
    cfg.opt = {"_target_": f"tests.checks.test_optimizer_check.{name}", **RATES, **gain}
    assert problems(cfg) == ([] if line is None else [line])
