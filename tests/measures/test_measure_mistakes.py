"""What is wrong with a measure is told before anything trains, and nothing else."""

import pytest
import torch

from grok.checks.config import problems
from grok.composing import compose
from grok.measures import (
    RQI,
    Distance,
    Embeddings,
    Function,
    GradientNorm,
    GroupNorms,
    Measure,
)
from grok.measures.measure import Snapshot
from tests.measures.test_measure import largest_weight


def step(member: Snapshot) -> torch.Tensor:
    """Called as a column of the table is already."""
    return member.params["decoder.0.weight"].norm()


def fails(member: Snapshot) -> torch.Tensor:
    """One for another network."""
    return member.params["nothing.weight"]


def a_vector(member: Snapshot) -> torch.Tensor:
    """More than a number."""
    return member.params["encoder.weight"]


def centred(member: Snapshot) -> torch.Tensor:
    """Writes to what the member trains on with."""
    weight = member.params["encoder.weight"]
    weight -= weight.mean()
    return weight.abs().max()


def single(member: Snapshot) -> torch.Tensor:
    """Takes single precision for granted."""
    return (member.params["decoder.0.weight"].T @ torch.ones(200, 1)).sum()


def of_all_pairs(member: Snapshot) -> torch.Tensor:
    """Counts on all samples."""
    outputs = torch.cat([member.outputs(member.train), member.outputs(member.val)])
    return outputs.view(55, -1).mean()


def of_some(member: Snapshot) -> torch.Tensor:
    """Puts other tensors into the dictionaries that it has been given, which are its own."""
    some = member.train
    for name in ("inputs", "labels", "targets"):
        some[name] = some[name][:4]
    some["more"] = some["labels"] + 1
    return member.outputs(some).mean()


class NoColumns(Measure):
    """One whose author has forgotten to return."""

    def columns(self):
        return None

    def take(self, member):
        return {}


class StepsOfItsOwn(Measure):
    """An array that would overwrite that of the steps."""

    def columns(self):
        return {}

    def take(self, member):
        return {"steps": member.params["encoder.weight"]}


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (
            ["measures=[rqi]", "measures.rqi.every=0"],
            "measures.rqi.every=0: must be a whole number",
        ),
        (
            ["measures=[rqi]", "measures.rqi.tolerance=0"],
            "measures.rqi.tolerance=0: must be over 0",
        ),
        (
            ["measures=[rqi]", "measures.rqi.parameter=decoder.0.bias"],
            "measures.rqi.parameter=decoder.0.bias: must be a matrix of 3 to 100 rows, the "
            "embeddings of as many digits; its shape is (200,)",
        ),
        (["task=teacher_student", "measures=[rqi]"], "measures.rqi.parameter=encoder.weight: the"),
        (
            ["+measures.own={_target_: grok.measures.Function, function: tests.nowhere}"],
            "measures.own: ",
        ),
        (
            [
                "+measures.own={_target_: grok.measures.Function, better: up, "
                "function: tests.measures.test_measure.largest_weight}"
            ],
            "measures.own.better=up: must be higher, lower or null",
        ),
        (
            ["measures=[distance]", "+measures.more={_target_: grok.measures.Distance}"],
            "measures.more: distance is measured by measures.distance already",
        ),
        (
            [
                "+measures.own={_target_: grok.measures.Function, "
                "function: tests.measures.test_measure_mistakes.step}"
            ],
            "measures.own: step is measured by each step already",
        ),
        (
            ["+measures.own={_target_: grok.callbacks.Curves}"],
            "measures.own._target_=Curves: is no measure; see grok/measures/measure.py",
        ),
        (
            [
                "+measures.own={_target_: grok.measures.Function, "
                "function: tests.measures.test_measure_mistakes.fails}"
            ],
            "measures.own.take: fails (KeyError: 'nothing.weight')",
        ),
        (
            [
                "+measures.own={_target_: grok.measures.Function, "
                "function: tests.measures.test_measure_mistakes.a_vector}"
            ],
            "measures.own.a_vector: is (10, 1); it must be a tensor without dimensions, a number",
        ),
        (
            [
                "+measures.own={_target_: grok.measures.Function, "
                "function: tests.measures.test_measure_mistakes.centred}"
            ],
            "measures.own.take: changes params in place, with which the member trains on; let it",
        ),
        (
            [
                "trainer.precision=64-true",
                "+measures.own={_target_: grok.measures.Function, "
                "function: tests.measures.test_measure_mistakes.single}",
            ],
            "measures.own.take: fails (RuntimeError: expected m",
        ),
        (
            [
                "+measures.own={_target_: grok.measures.Function, function: "
                "{_target_: tests.measures.test_measure.largest_weight, _partial_: true}}"
            ],
            "measures.own.function=",
        ),
        (
            ["+measures.own={_target_: tests.measures.test_measure_mistakes.NoColumns}"],
            "measures.own.problems, columns: fail (TypeError: 'NoneType' object is not iterable)",
        ),
        (
            ["+measures.own={_target_: tests.measures.test_measure_mistakes.StepsOfItsOwn}"],
            "measures.own.steps: is a name that its file has for something else; choose another",
        ),
        (["+measures.own=3"], "measures.own=3: must be a mapping with a _target_, a class"),
    ],
)
def test_mistakes_are_told_before_training(overrides, line):
    (found,) = problems(compose(*overrides))
    assert found.startswith(line)


@pytest.mark.parametrize("function", ["single", "of_all_pairs", "of_some"])
def test_what_can_be_taken_is_no_mistake(function):
    own = f"{{_target_: grok.measures.Function, function: {__name__}.{function}}}"
    assert problems(compose(f"+measures.own={own}")) == []


def test_measures_hold_what_their_files_say():
    cfg = compose("measures=[embeddings,rqi,group_norms,gradient_norm,distance]")
    kinds = {name: part._target_.rpartition(".")[2] for name, part in cfg.measures.items()}
    classes = (Embeddings, RQI, GroupNorms, GradientNorm, Distance)
    assert list(kinds.values()) == [kind.__name__ for kind in classes]
    assert Function(largest_weight).columns() == {"largest_weight": None}
