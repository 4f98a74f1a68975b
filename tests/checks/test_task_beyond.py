"""What a first batch does not show of a task: its sizes and schedules, training, and jobs."""

import warnings
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from grok import check_task
from grok.checks.config import problems
from grok.checks.task import unmeasured
from grok.composing import compose
from grok.errors import ConfigError
from tests.checks.wrong_tasks import Branching, late
from tests.tasks import examples
from tests.tasks.examples import Sign


def test_a_minibatch_of_more_than_there_is(monkeypatch):
    """Asked for each size of the data, which a network is checked once for."""
    methods = {"minibatch": lambda self: 32, "train_samples": lambda self: 16}
    task = dataclass(frozen=True)(type("Small", (Sign,), methods))()
    (line,) = unmeasured(task, 1000)
    assert line == "task: minibatch() gives 32; it must be from 1 to the 16 training samples"


def test_a_schedule_may_be_an_array():
    methods = {"evaluations": lambda self, budget: np.arange(100, budget + 1, 100)}
    task = dataclass(frozen=True)(type("Arrays", (Sign,), methods))()
    (line,) = unmeasured(task, 50)
    assert line.endswith("is over before accuracy is first measured, which is after 100 steps")


def test_a_budget_before_the_first_evaluation():
    methods = {"evaluations": lambda self, budget: range(1000, 100_001, 1000)}
    task = dataclass(frozen=True)(type("Late", (Sign,), methods))()
    assert list(unmeasured(task, 1000)) == []
    (line,) = unmeasured(task, 500)
    assert line.endswith("is over before accuracy is first measured, which is after 1000 steps")


def test_steps_that_no_list_can_hold():
    lists = {"evaluations": lambda self, budget: np.zeros(budget, dtype=np.int64)}
    task = dataclass(frozen=True)(type("Lists", (Sign,), lists))()
    (line,) = unmeasured(task, 10**15)
    assert line.startswith(f"task: evaluations({10**15}) fails (")
    assert "Unable to allocate" in line


def test_what_only_training_finds():
    task = dataclass(frozen=True)(type("Late", (Sign,), {"data": late}))()
    check_task(task)
    with pytest.raises(ConfigError, match=r"task: can't be trained \(\w+Error: .*out of bounds"):
        check_task(task, thorough=True)


def test_a_branch_on_values_is_no_mistake_on_the_plain_path():
    methods = {"network": lambda self: Branching(), "STACKABLE": False}
    check_task(dataclass(frozen=True)(type("Plain", (Sign,), methods))(), thorough=True)


def test_attributes_that_hold_nothing_of_a_member_s():
    class Looking(nn.Module):
        """Keeps an index, what a call has made, and a weight that a hook computes."""

        def __init__(self):
            super().__init__()
            linear = nn.Linear(4, 16)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.encoder = nn.utils.weight_norm(linear)
            for param in self.encoder.parameters():
                param.requires_grad_(False)
            self.decoder, self.index = nn.Linear(16, 2), torch.arange(16)

        def forward(self, inputs):
            self.seen = self.encoder(inputs)[:, self.index].detach()
            return self.decoder(self.seen)

    methods = {"network": lambda self: Looking(), "STACKABLE": False}
    check_task(dataclass(frozen=True)(type("Looks", (Sign,), methods))())


def test_what_is_kept_from_call_to_call_is_found():
    class Counting(nn.Module):
        """Twice as large from its 30th call on."""

        def __init__(self):
            super().__init__()
            self.encoder, self.decoder, self.calls = nn.Linear(4, 16), nn.Linear(16, 2), 0

        def forward(self, inputs):
            self.calls += 1
            return self.decoder(self.encoder(inputs)) * (1 + (self.calls >= 30))

    methods = {"network": lambda self: Counting(), "STACKABLE": False}
    task = dataclass(frozen=True)(type("Keeps", (Sign,), methods))()
    check_task(task)
    with pytest.raises(ConfigError, match=r"isn't the same once it has gone on from a checkpoint"):
        check_task(task, thorough=True)


def test_each_value_of_what_may_vary_and_is_no_number_is_tried():
    """The default's network is what a step of all members takes."""
    cfg, judged = compose(), {}
    cfg.task = {"_target_": "tests.checks.wrong_tasks.Activated", "activation": "tanh"}
    assert problems(cfg, judged) == []
    cfg.task.activation = "relu"
    (line,) = problems(cfg, judged)
    assert "is another for another activation" in line


@pytest.mark.parametrize(
    ("methods", "line"),
    [
        ({"problems": lambda self: [self.p < 1]}, "AttributeError: 'Broken' object has no attrib"),
        ({"__post_init__": lambda self: {}["rank"]}, "KeyError: 'rank'"),
    ],
)
def test_what_judges_its_keys_may_be_wrong_itself(methods, line, monkeypatch):
    broken = dataclass(frozen=True)(type("Broken", (Sign,), methods))
    monkeypatch.setattr(examples, "Broken", broken, raising=False)
    cfg = compose()
    cfg.task = {"_target_": "tests.tasks.examples.Broken"}
    (found,) = problems(cfg)
    start = "task._target_=tests.tasks.examples.Broken: can't be made, or judge its keys ("
    assert found.startswith(start + line)


def test_a_precision_of_its_own_is_tried_with(monkeypatch):
    methods = {
        "outputs_of": lambda self, network, batch: network(batch["inputs"]) @ torch.eye(2),
    }
    monkeypatch.setattr(examples, "Single", type("Single", (Sign,), methods), raising=False)
    examples.Single = dataclass(frozen=True)(examples.Single)
    cfg, judged = compose(), {}
    cfg.task = {"_target_": "tests.tasks.examples.Single"}
    assert problems(cfg, judged) == []
    cfg.trainer.precision = "64-true"
    (line,) = problems(cfg, judged)
    assert line.startswith("task: outputs_of(network, train batch) fails (RuntimeError: expected m")


@pytest.mark.parametrize("wrong", [Sign, 3])
def test_what_is_no_task_at_all(wrong):
    with pytest.raises(
        ConfigError, match=r": is no task; pass one, such as Mine\(\), of a subclass"
    ):
        check_task(wrong)


def test_a_run_is_refused_before_it_trains():
    (line,) = problems(compose("task._target_=tests.checks.test_task_check.Wrong", "task.p=10"))[:1]
    assert line.startswith("task._target_=tests.checks.test_task_check.Wrong: can't be imported")
    cfg = compose("task=teacher_student", "task.init_scale=0")
    assert problems(cfg) == []


def test_checked_once_for_jobs_that_differ_in_what_may_vary(monkeypatch):
    calls = []
    monkeypatch.setattr("grok.checks.task.mistakes", lambda task, _: calls.append(task) or [])
    judged = {}
    for scale in (1, 2, 3):
        problems(compose("task=mnist", f"task.init_scale={scale}"), judged)
        problems(compose("task=mnist", f"task.train_size={scale * 100}"), judged)
    assert len(calls) == 1
