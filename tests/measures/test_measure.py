"""What measures give, when, and where it ends up."""

import dataclasses

import numpy as np
import pandas as pd
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
from grok.record.names import MEASURES
from tests.tasks.examples import FixedTensors, Majority


def step(member: Snapshot) -> torch.Tensor:
    """Called as a column of the table is already."""
    return member.params["decoder.0.weight"].norm()


def largest_weight(member: Snapshot) -> torch.Tensor:
    """A user's own measure."""
    return torch.stack([param.abs().max() for param in member.params.values()]).max()


def share_right(member: Snapshot) -> torch.Tensor:
    """One that needs outputs."""
    return member.task.correct(member.outputs(member.val), member.val).double().mean()


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


def test_steps_when_due():
    every = RQI(every=7)
    assert every.due(0, 20, 100) == [7, 14]
    assert every.due(20, 20, 100) == [21, 28, 35]
    assert every.due(0, 6, 10**12) == []
    spaced = Distance(points=4)
    assert spaced.due(0, 1000, 1000) == [1, 10, 100, 1000]
    assert spaced.due(10, 90, 1000) == [100]


@pytest.mark.long
@pytest.mark.parametrize("plain", ["true", "false"])
def test_files_and_record(plain, make_member, train_members, stack_of):
    """Numbers at their steps, as computed from the weights that a run has there."""
    member = make_member(budget=120, early_stop=False)
    (record,) = train_members(
        [member],
        "measures=[rqi,embeddings,gradient_norm,distance,group_norms]",
        "measures.rqi.every=50",
        "measures.embeddings.every=40",
        *(f"+measures.{name}.every=50" for name in ("gradient_norm", "distance", "group_norms")),
        f"engine.plain={plain}",
    )
    table = pd.read_csv(member.folder / MEASURES, index_col="step")
    assert table.index.tolist() == [0, 50, 100]
    columns = ["rqi", "gradient_norm", "distance", "encoder_norm", "decoder_norm"]
    assert sorted(table.columns) == sorted(columns)
    assert np.load(member.folder / "embeddings.npz")["steps"].tolist() == [0, 40, 80, 120]
    initial = member.drawn(torch.float32)
    stack = stack_of([member])
    stack.advance(100)
    params = {name: param[0].clone() for name, param in stack.state.params.items()}
    data, network = member.data(torch.float32), member.task.network()
    network.load_state_dict(params)
    batch = data.train | data.fixed
    member.task.loss_of(network(batch["inputs"]), batch).backward()
    norm = torch.cat([param.grad.flatten() for param in network.parameters()]).norm().item()
    away = torch.cat([(p - initial.state.params[n]).flatten() for n, p in params.items()]).norm()
    decoder = torch.cat([p.flatten() for n, p in params.items() if n.startswith("decoder")]).norm()
    row = table.loc[100]
    assert row["gradient_norm"] == pytest.approx(norm, rel=1e-4)
    assert row["distance"] == pytest.approx(away.item(), rel=1e-4)
    assert row["decoder_norm"] == pytest.approx(decoder.item(), rel=1e-5)
    assert table.loc[0, "distance"] == 0
    assert record.columns["rqi"] == "higher"
    assert record.columns["distance"] is None
    assert record.final["distance"] == pytest.approx(row["distance"], rel=1e-6)
    assert record.best["rqi"] == pytest.approx(table["rqi"].max(), rel=1e-6)
    assert "distance" not in record.best


def test_ones_own_function(make_member, train_members, stack_of):
    """One function and one entry."""
    member = make_member(budget=100, early_stop=False)
    own = (
        "+measures.{0}={{_target_: grok.measures.Function, every: 100, better: {1}, function: {2}}}"
    )
    (record,) = train_members(
        [member],
        own.format("largest", "lower", "tests.measures.test_measure.largest_weight"),
        own.format("right", "higher", "tests.measures.test_measure.share_right"),
    )
    stack = stack_of([member])
    stack.advance(100)
    largest = max(param.abs().max().item() for param in stack.state.params.values())
    assert record.final["largest_weight"] == pytest.approx(largest, rel=1e-5)
    assert record.columns["largest_weight"] == "lower"
    assert record.final["share_right"] == record.final["val_accuracy"]


def test_nothing_after_a_members_end_counts(make_member, train_members):
    member = make_member(lr=3e-4, wd=1.0, budget=2000, objective="classification")
    (record,) = train_members([member], "measures=[distance]", "+measures.distance.every=1")
    table = pd.read_csv(member.folder / MEASURES, index_col="step")
    assert record.stop_reason == "early_stop"
    assert record.steps % 50 != 0
    assert table.index.tolist() == list(range(record.steps + 1))


def spectrum(member: Snapshot) -> torch.Tensor:
    """Raises where a weight isn't finite, as decompositions may."""
    weight = member.params["encoder.weight"]
    if not weight.isfinite().all():
        raise ValueError("not finite")
    return torch.linalg.svdvals(weight).max()


@pytest.mark.parametrize("steps", [5, 200])
@pytest.mark.parametrize("every", [1, 10])
def test_a_member_that_diverges_has_its_record(every, steps, make_member, train_members):
    """Whatever a measure makes of its last weights, before or after the end of a call."""
    members = [make_member("far", lr=1e30), make_member("near", lr=1e-3, budget=50)]
    own = f"{{_target_: grok.measures.Function, function: {__name__}.spectrum, every: {every}}}"
    records = train_members(members, f"+measures.own={own}", f"engine.steps_per_call={steps}")
    assert [record.stop_reason for record in records] == ["diverged", "budget"]


def test_measured_while_members_come_and_go(make_member, train_members):
    """At their own steps, whoever sits beside them; to the last digit."""
    measures = "measures=[distance,gradient_norm]", "+measures.distance.every=30"

    def members(where):
        cells = ({"budget": 70}, {"budget": 200}, {"budget": 130, "data": 41, "lr": 3e-3})
        return [make_member(f"{where}/{i}", wd=0.0, **cell) for i, cell in enumerate(cells)]

    together, alone = members("together"), members("alone")
    train_members(together, *measures, size=2)
    for member, other in zip(together, alone, strict=True):
        train_members([other], *measures)
        first, second = (pd.read_csv(each.folder / MEASURES) for each in (member, other))
        pd.testing.assert_frame_equal(first, second, rtol=1e-3)
        assert first["step"].max() <= member.phase.budget


def test_of_a_network_that_cannot_be_mapped(make_member, train_members):
    member = dataclasses.replace(make_member(budget=60), task=Majority())
    (record,) = train_members([member], "measures=[distance,gradient_norm]")
    assert record.final["distance"] > 0
    assert record.final["gradient_norm"] > 0


def test_with_minibatches_and_fixed_tensors(make_member, train_members):
    member = dataclasses.replace(make_member(budget=60), task=FixedTensors())
    (record,) = train_members([member], "measures=[distance,gradient_norm,group_norms]")
    whole = record.final["encoder_norm"] ** 2 + record.final["decoder_norm"] ** 2
    assert whole**0.5 == pytest.approx(record.final["weight_norm"], rel=1e-3)


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
                "function: tests.measures.test_measure.step}"
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
                "function: tests.measures.test_measure.fails}"
            ],
            "measures.own.take: fails (KeyError: 'nothing.weight')",
        ),
        (
            [
                "+measures.own={_target_: grok.measures.Function, "
                "function: tests.measures.test_measure.a_vector}"
            ],
            "measures.own.a_vector: is (10, 1); it must be a tensor without dimensions, a number",
        ),
        (
            [
                "+measures.own={_target_: grok.measures.Function, "
                "function: tests.measures.test_measure.centred}"
            ],
            "measures.own.take: changes params in place, with which the member trains on; let it",
        ),
        (
            [
                "trainer.precision=64-true",
                "+measures.own={_target_: grok.measures.Function, "
                "function: tests.measures.test_measure.single}",
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
            ["+measures.own={_target_: tests.measures.test_measure.NoColumns}"],
            "measures.own.problems, columns: fail (TypeError: 'NoneType' object is not iterable)",
        ),
        (
            ["+measures.own={_target_: tests.measures.test_measure.StepsOfItsOwn}"],
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
