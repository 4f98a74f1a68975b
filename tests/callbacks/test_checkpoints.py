"""An interrupted run goes on where its last checkpoint was, and ends as if unbroken."""

import dataclasses
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hydra.utils import instantiate
from lightning import Callback

from grok.callbacks import MemberCallback, checkpoints
from grok.composing import compose
from grok.engine import batches
from grok.errors import ConfigError
from grok.job import make_member as make_one
from grok.job import setup
from grok.record.names import CHECKPOINT, CURVES, EMBEDDINGS
from grok.record.record import finished, read_record
from grok.training import train
from tests.tasks.small import SMALL

BUDGET = 170


class PowerCutError(Exception):
    pass


class PowerCut(Callback):
    """Ends the process, as far as a test can, before a given ``training_step``."""

    def __init__(self, call):
        self.call = call

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx == self.call:
            raise PowerCutError


class FirstSteps(Callback):
    """Notes where each member begins."""

    def __init__(self):
        self.steps = {}

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        for slot in pl_module.slots:
            if slot.member and slot.rows:
                self.steps.setdefault(slot.member.folder.name, slot.rows.first_step)


def config(seconds=0, precision="32-true", compiled="false"):
    return compose(
        f"engine.compile={compiled}",
        "engine.steps_per_call=25",
        "measures=[embeddings,rqi]",
        f"callbacks.checkpoints.seconds={seconds}",
        f"trainer.precision={precision}",
    )


@pytest.fixture
def members(make_member):
    def make(where):
        return [
            make_member(f"{where}/{i}", lr=lr, budget=BUDGET)
            for i, lr in enumerate([1e-3, 3e-4, 2e-3])
        ]

    return make


def interrupted(members, size, call, **options):
    with pytest.raises(PowerCutError):
        train(members, setup(config(**options)), size=size, extra=[PowerCut(call)])


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


def test_a_damaged_checkpoint_is_no_harm(members, caplog):
    (member, *_) = members("damaged")
    member.folder.mkdir(parents=True)
    (member.folder / CHECKPOINT).write_bytes(b"half a file")
    with caplog.at_level(logging.WARNING):
        train([member], setup(config()))
    assert "its member starts again" in caplog.text
    assert read_record(member.folder).steps == BUDGET


@pytest.mark.parametrize("fault", ["disk", "newer", "memory"])
def test_a_checkpoint_that_may_be_good_is_kept(fault, members, monkeypatch, tmp_path):
    """Its member ends with a line, and nothing is written over it."""
    (member, *_) = members("good")
    interrupted([member], 1, call=3)
    path = member.folder / CHECKPOINT
    good = path.read_bytes()
    told = []
    with monkeypatch.context() as patched:
        if fault == "disk":
            patched.setattr(Path, "read_bytes", raiser(OSError(5, "Input/output error")))
        elif fault == "memory":
            patched.setattr(torch, "load", raiser(MemoryError()))
        else:
            patched.setattr(checkpoints, "VERSION", checkpoints.VERSION - 1)
        train([member], setup(config()), failed=lambda _, error: told.append(error))
    (error,) = told
    lines = {
        "disk": f"{path}: can't be read (Input/output error); when it can, the same command goes",
        "newer": f"{path}: version 5 of a checkpoint, where this is 4; update grok",
        "memory": "",
    }
    assert str(error).startswith(lines[fault])
    assert path.read_bytes() == good
    train([member], setup(config()))
    assert read_record(member.folder).steps == BUDGET


def raiser(error):
    def function(*_, **__):
        raise error

    return function


def test_a_measure_may_have_the_name_of_another_before(members):
    """What that gave isn't of this one; the member ends all the same."""
    (member, *_) = members("renamed")
    interrupted([member], 1, call=3)
    words = ["engine.compile=false", "engine.steps_per_call=25", "measures=[embeddings]"]
    other = compose(*words, "measures.embeddings.parameter=decoder.0.weight")
    train([member], setup(other))
    with np.load(member.folder / EMBEDDINGS) as left:
        assert left["steps"][0] > 50
        (values,) = (left[name] for name in left if name != "steps")
        assert values.shape[1:] == tuple(member.task.network().decoder[0].weight.shape)


def test_a_number_may_have_the_name_of_another_before(members):
    """Not taken any more before the end, it leaves nothing."""
    (member, *_) = members("renumbered")
    interrupted([member], 1, call=3)
    words = ["engine.compile=false", "engine.steps_per_call=25"]
    own = "+measures.rqi={_target_: grok.measures.Distance, every: 1000}"
    train([member], setup(compose(*words, own)))
    record = read_record(member.folder)
    assert record.steps == BUDGET
    assert "distance" not in record.final
    assert "rqi" not in record.final


def test_a_checkpoint_of_an_earlier_version_is_not_gone_on_from(members, caplog, monkeypatch):
    (member, *_) = members("earlier")
    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "VERSION", checkpoints.VERSION - 1)
        interrupted([member], 1, call=3)
    firsts = FirstSteps()
    train([member], setup(config()), extra=[firsts])
    assert "of another version of grok; its member starts again" in caplog.text
    assert firsts.steps == {"0": 1}


def test_another_configuration_is_refused(members):
    (member, *_) = members("changed")
    interrupted([dataclasses.replace(member, config={"opt": {"lr_dec": 1.0}})], 1, call=2)
    changed = dataclasses.replace(member, config={"opt": {"lr_dec": 2.0}})
    with pytest.raises(ConfigError, match=r"opt.lr_dec=2.0: was 1.0 before in .*; choose another"):
        train([changed], setup(config()))


class Remembering(MemberCallback):
    """Remembers something of each member, and notes what it knows of it when new rows come."""

    def __init__(self, memory):
        super().__init__()
        self.new, self.known = memory, []

    def observe(self, member, rows, trainer):
        self.known.append(self.memory.get(member.folder))
        self.memory[member.folder] = self.new


@pytest.mark.long
@pytest.mark.parametrize("size", [1, 3])
def test_callbacks_and_measures_may_come_and_go(members, size):
    """What goes on is found by its name; the run ends as it would have."""
    unbroken, broken = members("unbroken"), members("broken")
    train(unbroken, setup(config()), size=size)
    before, after = Remembering({"n": 1}), Remembering({"n": 2})
    with pytest.raises(PowerCutError):
        train(broken, setup(config()), size=size, extra=[before, PowerCut(4)])
    other = compose(
        "engine.compile=false",
        "engine.steps_per_call=25",
        "measures=[distance,rqi]",
        "~callbacks.weight_norm",
    )
    firsts = FirstSteps()
    train(broken, setup(other), size=size, extra=[firsts, after])
    assert firsts.steps["0"] == 101
    assert after.known[0] == {"n": 1}
    for a, b in zip(unbroken, broken, strict=True):
        first, second = read_record(a.folder), read_record(b.folder)
        for name in ("train_loss", "val_accuracy", "rqi"):
            assert second.final[name] == first.final[name]
        assert second.weight_norm == {}
        left, right = (pd.read_csv(each.folder / "measures.csv") for each in (a, b))
        assert right["rqi"].dropna().tolist() == left["rqi"].dropna().tolist()
    assert "distance" in read_record(broken[0].folder).final


def test_settings_of_what_is_only_seen_may_change(members):
    (member, *_) = members("seen")
    began = {"opt": {"lr_dec": 1.0}, "measures": {}, "callbacks": {"curves": {"points": 200}}}
    interrupted([dataclasses.replace(member, config=began)], 1, call=2)
    now = {"opt": {"lr_dec": 1.0}, "measures": {"rqi": {"every": 10}}, "callbacks": None}
    train([dataclasses.replace(member, config=now)], setup(config()))
    assert finished(member.folder)


def test_what_a_checkpoint_cannot_hold_is_told_when_it_is_saved(members, caplog):
    """And the others' memories go on."""
    checkpoints.tell_once.cache_clear()
    (member, *_) = members("foreign")
    after = Remembering({"n": 2})
    with pytest.raises(PowerCutError):
        train([member], setup(config()), extra=[Remembering([{"seen": {1, 2}}]), PowerCut(3)])
    (message,) = caplog.messages
    assert message.startswith("Remembering remembers a set, which checkpoints can't hold")
    firsts = FirstSteps()
    train([member], setup(config()), extra=[firsts, after])
    assert firsts.steps == {"0": 76}
    assert after.known[0] is None
