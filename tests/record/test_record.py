import json

import pytest

from grok.errors import UserError
from grok.record import files
from grok.record import record as results
from grok.record.difference import difference
from grok.record.record import Plan, Record


def record(**changes):
    fields = {
        "task": "toy",
        "phase": "grokking",
        "t_train": 10,
        "t_val": 2000,
        "budget": 5000,
        "threshold": 0.9,
        "grokking_gap": 1000,
        "steps": 2000,
        "stop_reason": "early_stop",
        "diverged": False,
        "overrides": {"opt.lr_dec": 1.4125375446227555e-05},
    }
    return Record(**(fields | changes))


def test_a_record_survives_the_disk(tmp_path):
    assert not results.finished(tmp_path)
    results.write_record(tmp_path, record())
    assert results.finished(tmp_path)
    assert results.read_record(tmp_path) == record()
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_a_plan_survives_the_disk(tmp_path):
    assert results.read_plan(tmp_path) is None
    plan = Plan(["opt.lr_dec"], [{"opt.lr_dec": 0.1}, {"opt.lr_dec": 0.2}])
    results.write_plan(tmp_path, plan)
    assert results.read_plan(tmp_path) == plan


def test_a_failed_write_leaves_what_was_there(tmp_path):
    results.write_record(tmp_path, record())
    with pytest.raises(ValueError, match="not JSON compliant"):
        results.write_record(tmp_path, record(final={"val_loss": float("nan")}))
    assert results.read_record(tmp_path) == record()
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_a_write_in_progress_is_not_a_result(tmp_path):
    with files.atomic_path(tmp_path / "result.json") as temporary:
        temporary.write_text("half")
        assert not results.finished(tmp_path)
    assert (tmp_path / "result.json").read_text() == "half"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"schema": 1, "task": "to', "unreadable"),
        ("", "unreadable"),
        ("[]", "not a version 1 record"),
        ('{"schema": 0}', "not a version 1 record"),
        ('{"schema": 1, "task": "toy"}', "damaged"),
    ],
)
def test_damaged_records_are_named(tmp_path, content, reason):
    (tmp_path / "result.json").write_text(content)
    with pytest.raises(UserError, match=reason) as caught:
        results.read_record(tmp_path)
    assert str(tmp_path / "result.json") in str(caught.value)
    assert "delete it" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_phase_is_damage(tmp_path):
    results.write_record(tmp_path, record())
    path = tmp_path / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"phase": "bliss"}))
    with pytest.raises(UserError, match="'bliss' is not a valid Phase"):
        results.read_record(tmp_path)


def test_a_configuration_of_an_earlier_version_means_the_same():
    old = {"opt": {"lr_dec": 1.0}, "engine": {"compile": True}}
    now = {"opt": {"lr_dec": 1.0}, "engine": {"compile": True, "plain": False}}
    assert difference(old, now | {"seed": {"perturb": 0}}) is None
    assert difference(old, now | {"seed": {"perturb": 1}}) == ("seed.perturb=1: was 0 before")


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        ({"data": {"dir": "a"}}, {"data": {"dir": "b"}}, None),
        (
            {"data": {"dir": "a"}, "task": {"data_dir": "a", "file": "a"}},
            {"data": {"dir": "b"}, "task": {"data_dir": "b", "file": "a"}},
            None,
        ),
        (
            {"data": {"dir": "a"}, "task": {"file": "x"}},
            {"data": {"dir": "b"}, "task": {"file": "y"}},
            "task.file=y: was x before",
        ),
        ({"engine": {"threads": 1}}, {"engine": {"threads": 2}}, None),
        ({"engine": {"steps_per_call": 200}}, {"engine": {"steps_per_call": None}}, None),
        ({"trainer": {"accelerator": "gpu"}}, {"trainer": {"accelerator": "cpu"}}, None),
        ({"callbacks": {"checkpoints": {"seconds": 1}}}, {"callbacks": None}, None),
        ({"measures": {"rqi": {"every": 1}}}, {"measures": {"rqi": {"every": 2}}}, None),
        ({"measures": {}}, {"measures": {"rqi": {"tolerance": 1}}}, None),
        ({"measures": {"rqi": {"tolerance": 1}}}, {"measures": {"rqi": {"tolerance": 2}}},
         "measures.rqi.tolerance=2: was 1 before"),
        ({"trainer": {"precision": "32-true"}}, {"trainer": {"precision": "64-true"}},
         "trainer.precision=64-true: was 32-true before"),
    ],
)  # fmt: skip
def test_what_has_no_influence_may_differ(before, now, found):
    assert difference(before, now) == found


def test_what_led_to_a_record_goes(tmp_path):
    for name in ("error.txt", "checkpoint.pt", ".result.json.12.tmp", "curves.csv"):
        (tmp_path / name).touch()
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / ".final.safetensors.12.tmp").touch()
    results.tidy(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curves.csv", "weights"]
    assert list((tmp_path / "weights").iterdir()) == []
