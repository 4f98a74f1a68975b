"""What keys mean: by the optimizer and the task, by a record, and by one that tells nothing."""

import dataclasses
import json
from typing import ClassVar

import pytest

from grok.optim import SGD, AdamW
from grok.record import meaning
from grok.record.names import RESULT
from grok.record.record import Record, read_record, write_record
from grok.tasks.task import Task
from grok.tasks.toy import ToyAddition


@dataclasses.dataclass(frozen=True)
class TwoRates(SGD):
    ROLES: ClassVar = SGD.ROLES | {"lr_bias": "bias learning rate"}

    lr_bias: float = 0.1


class Silent(AdamW):
    ROLES: ClassVar = {}


class Wrong(AdamW):
    ROLES: ClassVar = {"rate": "learning rate", "eps": "", "lr_dec": 3, "betas": "a\nb"}


class Listed(AdamW):
    ROLES = ("lr_dec",)


def made(kind):
    return kind(lr_enc=1e-3, lr_dec=1e-3)


def test_the_roles_of_earlier_records_are_those_of_today():
    assert meaning.roles_of(made(AdamW), ToyAddition()) == meaning.EARLIER_ROLES


def test_an_optimizer_adds_its_own():
    roles = meaning.roles_of(made(TwoRates), ToyAddition())
    assert meaning.keys_of(roles, meaning.LEARNING_RATE) == [
        "opt.lr_dec", "opt.lr_enc", "opt.lr_bias",
    ]  # fmt: skip
    assert meaning.keys_of(roles, meaning.INIT_SCALE) == ["task.init_scale"]
    assert meaning.keys_of({"opt.lr": "learning rate", "opt.b": "no weight decay"}, "rate") == [
        "opt.lr"
    ]


def test_one_that_says_nothing_is_fine():
    assert meaning.roles_of(made(Silent), ToyAddition()) == {"task.init_scale": "initial scale"}
    assert list(made(Silent).problems()) == []


def test_mistakes_are_told_with_those_of_the_keys():
    assert list(made(Wrong).problems()) == [
        "opt.rate: Wrong.ROLES says 'learning rate' of it; name a field of the class",
        "opt.eps: Wrong.ROLES says '' of it; write a few words",
        "opt.lr_dec: Wrong.ROLES says 3 of it; write a few words",
        "opt.betas: Wrong.ROLES says 'a\\nb' of it; write a few words",
    ]
    assert meaning.roles_of(made(Wrong), ToyAddition()) == {"task.init_scale": "initial scale"}
    assert list(made(Listed).problems()) == [
        "opt: Listed.ROLES is ('lr_dec',); make it a dictionary of field to role"
    ]


def test_every_task_has_the_base_s_roles():
    assert dict(Task.ROLES) == {"init_scale": meaning.INIT_SCALE}
    assert list(ToyAddition().problems()) == []


def test_a_record_keeps_them_and_one_without_means_the_earlier(tmp_path):
    fields = (1, 2, 10, 0.9, 1, 2, "early_stop", False)
    write_record(tmp_path, Record("toy", "grokking", *fields, roles={"opt.rate": "learning rate"}))
    assert read_record(tmp_path).roles == {"opt.rate": "learning rate"}
    path = tmp_path / RESULT
    content = json.loads(path.read_text())
    del content["roles"], content["checksum"]
    path.write_text(json.dumps(content))
    assert read_record(tmp_path).roles == meaning.EARLIER_ROLES


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("opt.lr_dec", True), ("task.p", True), ("seed.model", True), ("trainer.precision", True),
        ("trainer.accelerator", False), ("phase.budget", False), ("data.dir", False),
    ],
)  # fmt: skip
def test_what_alters_a_member(key, expected):
    assert meaning.alters(key) is expected
