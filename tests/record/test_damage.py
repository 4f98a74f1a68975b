"""A bit that flips in what a sweep leaves is seen, or changes nothing."""

import json
import random

import numpy as np
import pytest
import torch

from grok.analysis.read import files
from grok.analysis.read.table import read_sweep
from grok.callbacks import checkpoints
from grok.errors import DamagedFileError, UserError
from grok.record import damage
from grok.record import record as results
from grok.record.names import CHECKPOINT, CURVE_COLUMNS, CURVES, PLAN, RESULT
from grok.record.record import Plan
from tests.record.test_record import record as plain_record

FLIPS = 30
BIG = 10**400


DETAILS = {
    "overrides": {"opt.lr_dec": 0.25},
    "final": {"train_loss": 0.1234567890123},
    "versions": {"torch": "2.5.1"},
    "config": {"opt": {"lr_enc": 1e-3, "lr_dec": 0.25}, "name": "a text"},
}


def record(**changes):
    return plain_record(**(DETAILS | changes))


@pytest.fixture
def sweep(tmp_path):
    """A sweep of one finished member with curves, and a checkpoint as of one under way."""
    (tmp_path / "0").mkdir()
    rows = [f"{step},{','.join(5 * [str(1 / step)])}" for step in (1, 10, 100, 2000)]
    (tmp_path / "0" / CURVES).write_text("\n".join([",".join(CURVE_COLUMNS), *rows]))
    results.write_record(tmp_path / "0", record())
    results.write_plan(tmp_path, Plan(["opt.lr_dec"], [{"opt.lr_dec": 0.25}]))
    state = {"params": {"w": torch.arange(300.0)}}
    content = {"version": checkpoints.VERSION, "config": {}, "state": state, "done": 50}
    checkpoints.save(content, tmp_path / "0" / CHECKPOINT)
    return tmp_path


def checkpoint(folder):
    saved = checkpoints.load(folder / "0")
    return saved and [saved["done"], saved["config"], saved["state"]["params"]["w"].tolist()]


READERS = {
    f"0/{RESULT}": lambda folder: results.read_record(folder / "0"),
    PLAN: results.read_plan,
    f"0/{CURVES}": lambda folder: files.curves(read_sweep(folder), 0),
    f"0/{CHECKPOINT}": checkpoint,
}


def unseen(folder, name, flips):
    """How many of so many flipped bits give something else without a word."""
    path, read, draw = folder / name, READERS[name], random.Random(7)
    whole, expected = path.read_bytes(), read(folder)
    assert expected is not None
    count = 0
    for _ in range(flips):
        place = draw.randrange(8 * len(whole))
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            found = read(folder)
        except UserError:
            continue
        count += not (found is None or np.array_equal(found, expected))
    path.write_bytes(whole)
    return count


@pytest.mark.parametrize("name", READERS)
def test_no_flipped_bit_goes_unseen(sweep, name):
    assert unseen(sweep, name, FLIPS) == 0


@pytest.mark.parametrize("name", READERS)
def test_no_cut_goes_unseen(sweep, name):
    path, read = sweep / name, READERS[name]
    whole = path.read_bytes()
    for share in (0, 0.3, 0.7, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        if name in (PLAN, f"0/{RESULT}"):
            with pytest.raises(DamagedFileError, match=name):
                read(sweep)
        else:
            assert read(sweep) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"steps": 6000}, "steps is 6000 of 5000"),
        ({"steps": -1}, "steps is -1 of 5000"),
        ({"steps": 1500}, "t_val is 2000, and steps 1500"),
        ({"steps": 1500.0}, "steps is 1500.0"),
        ({"t_train": 0}, "t_train is 0, and steps 2000"),
        ({"t_train": True}, "t_train is True"),
        ({"phase": "comprehension"}, "phase is comprehension, and by its times grokking"),
        ({"t_train": None}, "phase is grokking, and by its times confusion"),
        ({"stop_reason": "boredom"}, "stop_reason is 'boredom'"),
        ({"threshold": 0}, "threshold, grokking_gap or wall_seconds is out of range"),
        ({"wall_seconds": -1.0}, "threshold, grokking_gap or wall_seconds is out of range"),
        ({"final": {"val_loss": "low"}}, "final is {'val_loss': 'low'}"),
        ({"columns": {"a": "sideways"}}, "columns says of a number neither higher nor lower"),
        ({"roles": {"opt.lr": 1}}, "roles is {'opt.lr': 1}"),
        ({"roles": {"opt.lr": "a\nb"}}, "roles has a key or a role that can't be printed"),
        ({"config": [1]}, "config is [1]"),
        ({"config": {"norm": []}}, "config.norm is no section"),
        ({"seeds": None}, "seeds is None"),
        ({"task": "a\nb"}, "task is 'a\\nb'"),
        ({"colour": "red"}, "'colour' is unknown"),
        ({"budget": BIG}, "a number has more than 64 bits"),
        ({"wall_seconds": float("inf")}, "inf is no finite number"),
        ({"overrides": {"a": float("nan")}}, "nan is no finite number"),
        ({"host": "\ud800"}, "surrogates not allowed"),
    ],
)
def test_what_no_run_can_have_left(tmp_path, changes, reason):
    """In a record without a checksum, such as those that were written before there were any."""
    results.write_record(tmp_path, record())
    path = tmp_path / RESULT
    content = json.loads(path.read_text())
    del content["checksum"]
    path.write_text(json.dumps(content))
    assert results.read_record(tmp_path) == record()
    path.write_text(json.dumps(content | changes))
    with pytest.raises(DamagedFileError) as caught:
        results.read_record(tmp_path)
    assert reason in caught.value.problem
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("; delete it and run its job again")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 60 + "1" + "}" * 60, "[" * 900 + "]" * 900]
)
def test_nested_without_end(tmp_path, text):
    (tmp_path / PLAN).write_text(text)
    with pytest.raises(DamagedFileError, match=r"plan.json: unreadable \(nested too deeply\); del"):
        results.read_plan(tmp_path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"keys": "ab"}, "keys is 'ab'"),
        ({"keys": ["a", "a"]}, "a key is planned twice"),
        ({"jobs": {}}, "jobs is {}"),
        ({"jobs": [{"a": 1}, {}]}, "job 1 sets []"),
        ({"common": []}, "common is []"),
    ],
)
def test_what_no_sweep_can_have_planned(tmp_path, changes, reason):
    content = {"keys": ["a"], "jobs": [{"a": 1}], "common": {}, "schema": 1}
    (tmp_path / PLAN).write_text(json.dumps(content))
    assert results.read_plan(tmp_path) == Plan(["a"], [{"a": 1}])
    (tmp_path / PLAN).write_text(json.dumps(content | changes))
    with pytest.raises(DamagedFileError) as caught:
        results.read_plan(tmp_path)
    assert caught.value.problem == f"{tmp_path}/plan.json: damaged ({reason})"


@pytest.mark.parametrize("changes", [{"schema": 2}, {"schema": 99, "task": None}])
def test_a_newer_version_is_told(tmp_path, changes):
    results.write_record(tmp_path, record())
    path = tmp_path / RESULT
    content = json.loads(path.read_text()) | changes
    del content["checksum"]
    path.write_text(json.dumps(damage.signed(content)))
    with pytest.raises(UserError, match="written by a newer version of grok; update") as caught:
        results.read_record(tmp_path)
    assert "delete" not in str(caught.value)
    with pytest.raises(UserError, match="update grok"):  # nor is it trained again
        results.sound_record(tmp_path)
    assert path.exists()


@pytest.mark.parametrize("schema", [3, 5, 9, 0, -1, "1", None])
def test_a_damaged_version_is_no_newer_one(tmp_path, schema):
    """A checksum that doesn't hold decides first."""
    results.write_record(tmp_path, record())
    path = tmp_path / RESULT
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": schema}))
    with pytest.raises(DamagedFileError, match="not a version 1 record; delete it and run its job"):
        results.read_record(tmp_path)


def test_a_sound_field_of_a_newer_version_is_told(tmp_path):
    from grok.record.damage import signed

    results.write_record(tmp_path, record())
    content = json.loads((tmp_path / RESULT).read_text())
    del content["checksum"]
    (tmp_path / RESULT).write_text(json.dumps(signed(content | {"colour": "red"})))
    with pytest.raises(UserError, match="holds 'colour', written by a newer version of grok"):
        results.read_record(tmp_path)


def test_a_damaged_record_is_set_aside(tmp_path, caplog):
    assert results.sound_record(tmp_path) is None
    results.write_record(tmp_path, record())
    assert results.sound_record(tmp_path) == record()
    (tmp_path / RESULT).write_text("half")
    assert results.sound_record(tmp_path) is None
    assert not results.finished(tmp_path)
    assert (tmp_path / "result.json.damaged").read_text() == "half"
    (line,) = caplog.messages
    assert line.startswith(f"{tmp_path}/result.json: unreadable (")
    assert line.endswith("; now result.json.damaged, and its member is trained again")
