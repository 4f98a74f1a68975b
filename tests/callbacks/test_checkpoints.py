"""An interrupted run goes on where its last checkpoint was, and ends as if unbroken."""

import dataclasses
import errno
import logging

import numpy as np
import pandas as pd
import pytest
import torch
from hydra.utils import instantiate

from grok.callbacks import checkpoints
from grok.composing import compose
from grok.engine import batches
from grok.job import make_member as make_one
from grok.job import setup
from grok.record.names import CHECKPOINT, CURVES, EMBEDDINGS
from grok.record.record import finished, read_record
from grok.training import train
from tests.callbacks.interrupts import (
    FirstSteps,
    PowerCut,
    PowerCutError,
    config,
    interrupted,
)
from tests.tasks.small import SMALL


@pytest.mark.long
@pytest.mark.parametrize(("size", "compiled"), [(1, "false"), (2, "false"), (2, "true")])
def test_an_interrupted_run_ends_as_an_unbroken_one(members, size, compiled):
    unbroken, broken = members("unbroken"), members("broken")
    train(unbroken, setup(config(compiled=compiled)), size=size)
    interrupted(broken, size, call=4, compiled=compiled)
    assert not any((member.folder / "result.json").exists() for member in broken)
    assert [(member.folder / CHECKPOINT).exists() for member in broken] == [True, size == 2, False]
    firsts = FirstSteps()
    train(broken, setup(config(compiled=compiled)), size=size, extra=[firsts])
    assert firsts.steps == {"0": 101, "1": 101 if size == 2 else 1, "2": 1}
    for a, b in zip(unbroken, broken, strict=True):
        before, after = read_record(a.folder), read_record(b.folder)
        assert dataclasses.replace(after, wall_seconds=before.wall_seconds) == before
        assert after.compiled is (compiled == "true")
        pd.testing.assert_frame_equal(
            pd.read_csv(b.folder / CURVES), pd.read_csv(a.folder / CURVES), check_exact=True
        )
        left, right = np.load(a.folder / EMBEDDINGS), np.load(b.folder / EMBEDDINGS)
        for name in ("steps", "values"):
            np.testing.assert_array_equal(left[name], right[name])
        assert not (b.folder / CHECKPOINT).exists()


@pytest.mark.long
def test_a_checkpoint_is_taken_up_in_a_stack_of_another_size(members):
    alone, moved = members("alone"), members("moved")
    train(alone, setup(config(precision="64-true")))
    interrupted(moved, size=3, call=3, precision="64-true")
    firsts = FirstSteps()
    train(moved[::-1], setup(config(precision="64-true")), size=2, extra=[firsts])
    assert firsts.steps == {"0": 76, "1": 76, "2": 76}
    for a, b in zip(alone, moved, strict=True):
        first, second = read_record(a.folder), read_record(b.folder)
        assert (first.t_train, first.t_val, first.steps) == (
            second.t_train,
            second.t_val,
            second.steps,
        )
        assert first.final["train_loss"] == pytest.approx(second.final["train_loss"], rel=1e-9)


@pytest.mark.long
@pytest.mark.parametrize(("size", "passed"), [(1, 7), (2, 2**20)])
def test_minibatches_go_on_where_they_were(size, passed, make_member, monkeypatch):
    """Among members that are at other steps, too, and in the middle of a block of draws."""
    monkeypatch.setattr(batches, "PASSED", passed)
    options = [
        "engine.compile=false",
        "engine.steps_per_call=30",
        "callbacks.checkpoints.seconds=0",
    ]
    cfg = compose(
        "task=mnist", "task.batch_size=20", "task.train_size=60", "task.width=12", *options
    )

    def members(where):
        for i, budget in enumerate([60, 240, 240]):
            member = make_member(f"{where}/{i}", budget=budget, early_stop=False)
            yield dataclasses.replace(member, task=instantiate(cfg.task))

    unbroken, broken = list(members("unbroken")), list(members("broken"))
    train(unbroken, setup(cfg), size=size)
    with pytest.raises(PowerCutError):
        train(broken, setup(cfg), size=size, extra=[PowerCut(4)])
    assert (broken[1].folder / CHECKPOINT).exists()
    train([member for member in broken if not finished(member.folder)], setup(cfg), size=size)
    for a, b in zip(unbroken, broken, strict=True):
        before, after = read_record(a.folder), read_record(b.folder)
        assert (after.t_train, after.steps) == (before.t_train, before.steps)
        assert after.final == pytest.approx(before.final, rel=1e-9)


@pytest.mark.parametrize("task", ["mnist", "modular"])
def test_a_budget_without_end_goes_on_where_it_was(task, tmp_path):
    cfg = compose(
        f"task={task}", *SMALL[task], "phase.budget=1000000000000", "phase.early_stop=false",
        "engine.compile=false", "engine.steps_per_call=20", "callbacks.checkpoints.seconds=0",
    )  # fmt: skip
    unbroken, broken = (make_one(cfg, tmp_path / where, task, {}) for where in ("a", "b"))
    for member, calls in ((unbroken, 4), (broken, 2), (broken, 2)):
        with pytest.raises(PowerCutError):
            train([member], setup(cfg), extra=[PowerCut(calls)])
    before, after = (checkpoints.load(member.folder) for member in (unbroken, broken))
    assert after["done"] == before["done"] == 80
    torch.testing.assert_close(after["state"], before["state"], rtol=0, atol=0)


@pytest.mark.long
@pytest.mark.parametrize("task", SMALL)
def test_every_task_goes_on_where_it_was(task, tmp_path):
    options = [f"task={task}", *SMALL[task], "phase.budget=60", "phase.early_stop=false",
               "engine.steps_per_call=20", "engine.compile=false"]  # fmt: skip
    cfg = compose(*options, "callbacks.checkpoints.seconds=0")
    unbroken, broken = (make_one(cfg, tmp_path / where, task, {}) for where in ("a", "b"))
    train([unbroken], setup(cfg))
    with pytest.raises(PowerCutError):
        train([broken], setup(cfg), extra=[PowerCut(2)])
    firsts = FirstSteps()
    train([broken], setup(cfg), extra=[firsts])
    assert firsts.steps["b"] > 20
    before, after = read_record(unbroken.folder), read_record(broken.folder)
    assert dataclasses.replace(after, wall_seconds=before.wall_seconds) == before
    pd.testing.assert_frame_equal(
        pd.read_csv(broken.folder / CURVES), pd.read_csv(unbroken.folder / CURVES), check_exact=True
    )


def test_a_logger_keeps_its_rows(members, tmp_path):
    logger = {
        "+logger.csv._target_": "lightning.pytorch.loggers.CSVLogger",
        "+logger.csv.save_dir": str(tmp_path / "log"),
        "+logger.csv.name": "csv",
        "+logger.csv.version": "''",
    }
    cfg = compose(
        "engine.compile=false",
        "engine.steps_per_call=25",
        "callbacks.checkpoints.seconds=0",
        *(f"{key}={value}" for key, value in logger.items()),
    )
    (member, *_) = members("logged")
    with pytest.raises(PowerCutError):
        train([member], setup(cfg), extra=[PowerCut(4)])
    train([member], setup(cfg))
    logged = pd.read_csv(tmp_path / "log" / "csv" / "metrics.csv")
    assert logged["step"].tolist() == pd.read_csv(member.folder / CURVES)["step"].tolist()


def test_seconds_since_the_last_checkpoint(members):
    waiting = members("waiting")
    interrupted(waiting, size=3, call=4, seconds=1000)
    assert not any((member.folder / CHECKPOINT).exists() for member in waiting)


def test_nothing_is_saved_before_there_is_a_member(members):
    """The first may be somebody else's until later."""
    (member, *_) = members("a")
    cfg = compose("engine.compile=false", "callbacks.checkpoints.seconds=0")
    train(iter([None, member]), setup(cfg))
    assert finished(member.folder)


def test_a_full_disk_ends_no_training(members, caplog, monkeypatch):
    def full(_content, path):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(checkpoints, "save", full)
    (member, *_) = members("full")
    with caplog.at_level(logging.WARNING):
        train([member], setup(config()))
    assert read_record(member.folder).steps == 170
    assert sum("training goes on without checkpoints" in line for line in caplog.messages) == 1
