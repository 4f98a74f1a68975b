"""What members leave in their folders."""

import dataclasses
import json
import math
import platform
import time

import numpy as np
import pandas as pd
import pytest
import torch
from lightning import Callback

from grok.callbacks.record import finite, latest
from grok.checks.config import problems
from grok.composing import compose
from grok.engine import Rows
from grok.job import setup
from grok.measures import Function, log_spaced
from grok.record import provenance
from grok.record.meaning import EARLIER_ROLES
from grok.record.names import CURVE_COLUMNS, CURVES, EMBEDDINGS, STEP_COLUMNS
from grok.record.record import read_record
from grok.training import train
from tests.tasks.examples import OwnGroups


def test_a_finished_folder(make_member, train_members):
    member = make_member(budget=120)
    (record,) = train_members([member])
    assert sorted(path.name for path in member.folder.iterdir()) == ["curves.csv", "result.json"]
    assert json.loads((member.folder / "result.json").read_text())["schema"] == 1
    assert (record.task, record.phase, record.budget, record.steps) == (
        "toy",
        "confusion",
        120,
        120,
    )
    assert (record.t_train, record.t_val, record.stop_reason) == (None, None, "budget")
    assert record.seeds == {"data": 42, "model": 102, "perturb": 0}
    assert record.device == "cpu"
    assert record.compiled is False
    assert (record.host, record.cpu) == (platform.node(), provenance.cpu())
    assert record.git_revision == provenance.git_revision()
    assert record.task_origin == {}
    assert record.roles == EARLIER_ROLES
    assert record.versions["torch"] == torch.__version__.split("+")[0]
    assert record.wall_seconds > 0
    assert record.diverged is False


def test_the_error_of_an_earlier_try_is_removed(make_member, train_members):
    member = make_member(budget=20)
    member.folder.mkdir(parents=True)
    (member.folder / "error.txt").write_text("disk full")
    train_members([member])
    assert sorted(path.name for path in member.folder.iterdir()) == ["curves.csv", "result.json"]


def test_members_share_the_time_of_their_stack(make_member, train_members):
    began = time.perf_counter()
    records = train_members([make_member(str(i), model=i) for i in range(8)])
    spent = time.perf_counter() - began
    assert 0 < sum(record.wall_seconds for record in records) < spent
    assert len({record.wall_seconds for record in records}) == 1


def test_curves_hold_the_engines_numbers(make_member, train_members, stack_of):
    member = make_member(budget=120)
    (record,) = train_members([member], "callbacks.curves.points=6")
    curves = pd.read_csv(member.folder / CURVES)
    assert tuple(curves.columns) == CURVE_COLUMNS
    assert curves["step"].tolist() == [1, 3, 7, 18, 46, 120]
    stack = stack_of([member])
    metrics, _ = stack.advance(120)
    for name, values in metrics.items():
        expected = values[curves["step"].to_numpy() - 1, 0]
        np.testing.assert_allclose(curves[name], expected, rtol=1e-6)
    assert record.final["val_loss"] == metrics["val_loss"][-1, 0].item()


@pytest.mark.long
def test_curves_end_with_the_last_step(make_member, train_members):
    member = make_member(lr=1e-2, wd=0.0, budget=500)
    (record,) = train_members([member], "callbacks.curves.points=3")
    assert pd.read_csv(member.folder / CURVES)["step"].tolist() == [1, 22, 500]
    member = make_member(
        "stopped", lr=3e-4, wd=6.0, data=43, objective="classification", budget=900
    )
    (record,) = train_members([member], "callbacks.curves.points=3")
    assert pd.read_csv(member.folder / CURVES)["step"].tolist() == [1, 30, record.steps]
    assert record.steps == record.t_train


@pytest.mark.parametrize("budget", [1, 2, 10, 100_000])
def test_log_spaced_steps(budget):
    steps = log_spaced(budget, 200)
    assert steps[0] == 1
    assert steps[-1] == budget
    assert (np.diff(steps) > 0).all()
    assert len(steps) <= 200


@pytest.mark.long
def test_weight_norms_at_the_moments_that_matter(make_member, train_members, stack_of):
    member = make_member(lr=3e-4, wd=1.0, objective="classification", budget=900)
    (record,) = train_members([member])
    stack = stack_of([member])
    norms = record.weight_norm
    assert norms["initial"] == stack.norm(0)
    curve = stack.advance(record.steps)[0]["weight_norm"][:, 0]
    assert norms["t_train"] == curve[record.t_train - 1].item()
    assert norms["t_val"] == norms["final"] == curve[record.t_val - 1].item()


def test_the_norm_that_was_held(make_member, train_members, stack_of):
    free = make_member("free", budget=60)
    held = dataclasses.replace(make_member("held", lr=1e-2, budget=60), constrain=("decoder",))
    (record,) = train_members([held])
    decoder = torch.cat(
        [
            param.flatten()
            for name, param in stack_of([held]).state.params.items()
            if name.startswith("decoder")
        ]
    )
    assert record.weight_norm["held"] == pytest.approx(decoder.norm().item(), rel=1e-6)
    assert record.weight_norm["held"] < record.weight_norm["initial"]
    (record,) = train_members([free])
    assert "held" not in record.weight_norm


def test_a_threshold_never_reached_has_no_norm(make_member, train_members):
    (record,) = train_members([make_member(budget=20)])
    assert record.weight_norm["t_train"] is None
    assert record.weight_norm["t_val"] is None


def test_embeddings_every_n_steps(make_member, train_members, stack_of):
    member = make_member(budget=95)
    train_members([member], "measures=[embeddings]", "measures.embeddings.every=10")
    recorded = np.load(member.folder / EMBEDDINGS)
    assert recorded["steps"].tolist() == list(range(0, 91, 10))
    assert recorded["values"].shape == (10, 10, 1)
    initial = member.drawn(torch.float32).state.params["encoder.weight"].numpy()
    np.testing.assert_array_equal(recorded["values"][0], initial)
    stack = stack_of([member])
    stack.advance(30)
    expected = stack.state.params["encoder.weight"][0].numpy()
    np.testing.assert_array_equal(recorded["values"][3], expected)


def test_a_parameter_that_does_not_exist():
    (line,) = problems(compose("measures=[embeddings]", "measures.embeddings.parameter=foo"))
    assert line.startswith(
        "measures.embeddings.parameter=foo: the network has none of this name, but encoder.weight,"
    )


def test_a_diverged_member_says_so(make_member, train_members):
    broken, sound = make_member("broken", lr=1e30, budget=300), make_member("sound", budget=60)
    record, neighbour = train_members([broken, sound])
    assert record.diverged
    assert record.stop_reason == "diverged"
    assert record.steps < 10
    assert record.final["train_loss"] is None or record.final["weight_norm"] is None
    assert not neighbour.diverged
    assert neighbour.steps == 60


@pytest.mark.parametrize("plain", ["true", "false"])
def test_a_held_norm_that_overflows_has_diverged(plain, make_member, train_members):
    """Its square is beyond float32, so the weights would come back as 0."""
    member = make_member(lr=1e30, budget=60)
    member = dataclasses.replace(member, constrain=("decoder", "encoder"))
    (record,) = train_members([member], f"engine.plain={plain}")
    assert (record.diverged, record.stop_reason) == (True, "diverged")
    assert record.steps < 5


def test_threads_are_as_configured(make_member, train_members):
    """Of the process that trains; those that test have one each."""
    found = []

    class Threads(Callback):
        def on_train_start(self, trainer, pl_module):
            found.append(torch.get_num_threads())

    cfg = compose("engine.compile=false", "engine.threads=2")
    before = torch.get_num_threads()
    try:
        train([make_member(budget=5)], setup(cfg), extra=[Threads()])
    finally:
        torch.set_num_threads(before)
    assert found == [2]


def test_loggers_get_the_curves(make_member, train_members, tmp_path):
    logger = [
        "+logger.csv._target_=lightning.pytorch.loggers.CSVLogger",
        f"+logger.csv.save_dir={tmp_path}/log",
        "+logger.csv.name=csv",
        "+logger.csv.version=''",
    ]
    member = make_member(budget=100)
    train_members([member], "callbacks.curves.points=3", *logger)
    logged = pd.read_csv(tmp_path / "log" / "csv" / "metrics.csv")
    curves = pd.read_csv(member.folder / CURVES)
    assert logged["step"].tolist() == curves["step"].tolist() == [1, 10, 100]
    np.testing.assert_allclose(logged["val_loss"], curves["val_loss"], rtol=1e-6)


def test_what_json_cannot_hold_becomes_null(make_member, train_members):
    (record,) = train_members([make_member(budget=5)])
    record.final["val_loss"] = float("inf")
    assert finite(record).final["val_loss"] is None


def test_best_values_are_those_of_all_steps(make_member, train_members, stack_of):
    member = make_member(lr=1e-2, wd=0.0, budget=130)
    (record,) = train_members([member])
    metrics, _ = stack_of([member]).advance(130)
    assert record.best == {
        "train_loss": metrics["train_loss"].min().item(),
        "train_accuracy": metrics["train_accuracy"].max().item(),
        "val_loss": metrics["val_loss"].min().item(),
        "val_accuracy": metrics["val_accuracy"].max().item(),
    }
    assert record.best["val_loss"] < record.final["val_loss"]


def test_train_loss_is_an_epoch_s(make_member, train_members, stack_of):
    """Of ten, ten and four samples; one minibatch alone is never the best."""
    task = OwnGroups(batch_size=10)
    member = dataclasses.replace(make_member(lr=1e-2, wd=0.0, budget=7), task=task)
    (record,) = train_members([member])
    metrics, _ = stack_of([member]).advance(9)
    loss = metrics["train_loss"][:, 0]
    assert record.best["train_loss"] == loss[[2, 5]].min().item() > loss[:7].min().item()
    assert record.final["train_loss"] == loss[5].item()


def test_what_is_left_of_one_that_diverges(make_member, train_members):
    (record,) = train_members([make_member(lr=1e30, budget=300)])
    assert record.diverged
    assert record.best["train_loss"] > 0


def test_a_train_loss_that_is_not_finite_counts_at_once():
    """Whether accuracies were measured there or not."""
    loss, accuracy, ones = np.array([1.0, np.inf]), np.array([0.5, np.nan]), np.ones(2)
    metrics = dict(zip(STEP_COLUMNS, (loss, accuracy, ones, accuracy, ones), strict=True))
    assert list(metrics)[:2] == ["train_loss", "train_accuracy"]
    assert latest(Rows(1, metrics, initial_norm=1.0))["train_loss"] == np.inf


def test_the_best_of_a_measure_is_finite(make_member):
    values = iter([1.0, math.inf, 2.0])

    def own(_member):
        return torch.tensor(next(values))

    common = setup(compose("engine.compile=false"))
    common.measures["own"] = Function(own, every=10, better="higher")
    member = make_member(budget=20, early_stop=False)
    train([member], common)
    assert read_record(member.folder).best["own"] == 2
