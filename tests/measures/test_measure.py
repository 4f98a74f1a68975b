"""What measures give, when, and where it ends up."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

from grok.measures import (
    RQI,
    Distance,
)
from grok.measures.measure import Snapshot
from grok.record.names import MEASURES
from tests.tasks.examples import FixedTensors, Majority


def largest_weight(member: Snapshot) -> torch.Tensor:
    """A user's own measure."""
    return torch.stack([param.abs().max() for param in member.params.values()]).max()


def share_right(member: Snapshot) -> torch.Tensor:
    """One that needs outputs."""
    return member.task.correct(member.outputs(member.val), member.val).double().mean()


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
