"""Members as runs of experiment trackers, read back with the trackers' own means."""

import importlib.util
import json

import pandas as pd
import pytest

from grok.analysis import command, tracking
from grok.analysis.read.table import read_sweep
from grok.record.names import CURVE_COLUMNS, CURVES, MEASURES
from grok.record.record import read_record, write_record


def need(*packages):
    """Skip the test where one isn't installed."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} isn't installed")


@pytest.fixture
def sweep(make_sweep):
    """Two members of which the first has curves of three steps and a measure of two of them."""
    folder = make_sweep(({"opt.wd_dec": 1.0}, (200, 1300)), ({"opt.wd_dec": 2.0}, (300, None)))
    curves = pd.DataFrame(0.5, index=[1, 10, 1300], columns=CURVE_COLUMNS[1:])
    curves["val_loss"] = [3.0, float("nan"), 1.0]
    curves.rename_axis("step").to_csv(folder / "0" / CURVES)
    measures = pd.DataFrame({"rqi": [0.0, 0.75]}, index=[0, 10]).rename_axis("step")
    measures.to_csv(folder / "0" / MEASURES)
    record = read_record(folder / "0")
    write_record(folder / "0", record)
    return folder


def track(folder, name, capsys):
    """Take a sweep over, and what is printed last."""
    command.main([str(folder), "--track", name])
    return capsys.readouterr().out.splitlines()[-1]


def test_a_member_as_trackers_take_it(sweep):
    first, second = tracking.runs(read_sweep(sweep))
    assert first.id != second.id
    assert [run.id for run in tracking.runs(read_sweep(sweep))] == [first.id, second.id]
    assert first.name == "0 opt.wd_dec=1.0"
    assert first.group == "_".join(sweep.parts[-2:])
    assert first.tags == ["toy_regression", "grokking"]
    assert list(first.rows) == [0, 1, 10, 1300]
    assert first.rows[0] == {"rqi": 0.0}
    assert first.rows[10] == dict.fromkeys(set(CURVE_COLUMNS[1:]) - {"val_loss"}, 0.5) | {
        "rqi": 0.75
    }
    assert (first.outcome["t_train"], first.outcome["t_val"]) == (200, 1300)
    assert "t_val" not in second.outcome
    assert second.outcome["phase"] == "memorization"
    assert second.rows == {}


@pytest.mark.parametrize("times", [1, 2])
def test_tensorboard(sweep, capsys, times):
    need("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(times):
        shown = track(sweep, "tensorboard", capsys)
    folder = sweep / "analysis" / "tensorboard"
    assert shown == f"tracked   tensorboard --logdir {folder}"
    events = EventAccumulator(str(folder / "_".join(sweep.parts[-2:]) / "0"))
    events.Reload()
    found = {
        tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }
    assert found["val_loss"] == [(1, 3.0), (1300, 1.0)]
    assert found["rqi"] == [(0, 0.0), (10, 0.75)]
    assert found["t_val"] == [(1300, 1300.0)]


def test_wandb(sweep, run_python):
    """In a process of its own, as it leaves threads behind."""
    need("wandb")
    folder = sweep / "analysis" / "wandb" / "wandb"
    for _ in range(2):
        done = run_python("analyze.py", sweep, "--track", "wandb", WANDB_MODE="offline")
        assert done.stdout.splitlines()[-1] == f"tracked   wandb sync {folder}/offline-run-*"
    ids = [run.id for run in tracking.runs(read_sweep(sweep))]
    left = sorted(path.name.rpartition("-")[2] for path in folder.glob("offline-run-*"))
    assert left == sorted(ids)


READ_MLFLOW = """
import sys, json
from mlflow.tracking import MlflowClient
client = MlflowClient(tracking_uri=sys.argv[1])
experiment = client.get_experiment_by_name(sys.argv[2])
runs = client.search_runs([experiment.experiment_id])
found = {
    run.info.run_name: [
        run.data.metrics.get("t_val"),
        [[at.step, at.value] for at in client.get_metric_history(run.info.run_id, "val_loss")],
        sorted(run.data.tags),
    ]
    for run in runs
}
print(json.dumps(found))
"""


@pytest.mark.long
def test_mlflow(sweep, run_python):
    need("mlflow", "sqlalchemy", "alembic")
    for _ in range(2):
        done = run_python("analyze.py", sweep, "--track", "mlflow")
        assert done.returncode == 0, done.stderr
    place = f"sqlite:///{sweep / 'analysis' / 'mlflow' / 'mlflow.db'}"
    found = json.loads(run_python("-c", READ_MLFLOW, place, "_".join(sweep.parts[-2:])).stdout)
    (first, second) = (found[name] for name in sorted(found))
    assert sorted(found) == ["0 opt.wd_dec=1.0", "1 opt.wd_dec=2.0"]
    assert first[:2] == [1300, [[1, 3.0], [1300, 1.0]]]
    assert second[0] is None
    assert "memorization" in second[2]


def test_a_tracker_that_is_not_installed(sweep, monkeypatch):
    def absent(*_):
        raise ModuleNotFoundError("No module named 'wandb'", name="wandb")

    monkeypatch.setitem(tracking.TRACKERS, "wandb", absent)
    with pytest.raises(tracking.UserError) as raised:
        command.main([str(sweep), "--track", "wandb"])
    assert str(raised.value) == (
        "--track wandb: needs the package wandb; pip install 'grokphase[wandb]'"
    )
