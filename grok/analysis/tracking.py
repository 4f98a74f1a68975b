"""A sweep's members as runs of an experiment tracker: ``analyze.py FOLDER --track tensorboard``.

One run a member, whichever launcher trained it, grouped by sweep: its curves and measures by step,
its configuration, and what it came to. A member keeps its identity: taken over again, it replaces
what was there of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from grok.analysis.read import files
from grok.analysis.read.sweep import OUTCOME, Sweep
from grok.errors import UserError, unwritable
from grok.record.difference import flat

PROJECT = "grok"
LONGEST = 500
"""Characters of a setting; MLflow takes no more."""


@dataclass(frozen=True)
class Run:
    """A member as trackers take it.

    Attributes:
        id: the same whenever it is taken over, and no other member's.
        name: the member's number, and what it sets.
        group: the sweep's folder, by its last two names.
        settings: of its configuration, by full key.
        tags: its task and its phase.
        rows: optimizer step to what was measured there, by name.
        outcome: what it came to, by name.
    """

    id: str
    name: str
    group: str
    settings: dict[str, Any]
    tags: list[str]
    rows: dict[int, dict[str, float]]
    outcome: dict[str, int | float | str]


def runs(sweep: Sweep) -> Iterator[Run]:
    """The finished members of a sweep, one after the other."""
    folder = sweep.folder.resolve()
    for job, record in sweep.records.items():
        settings = " ".join(f"{key}={value}" for key, value in record.overrides.items())
        outcome = {name: getattr(record, name) for name in OUTCOME}
        outcome |= {f"final_{name}": value for name, value in record.final.items()}
        outcome |= {f"best_{name}": value for name, value in record.best.items()}
        yield Run(
            id=hashlib.sha256(f"{folder}/{job}".encode(errors="replace")).hexdigest()[:16],
            name=f"{job} {settings}".strip(),
            group="_".join(folder.parts[-2:]),
            settings=flat(record.config),
            tags=[record.task, record.phase],
            rows=_rows(files.curves(sweep, job), files.measures(sweep, job)),
            outcome={name: value for name, value in outcome.items() if value is not None},
        )


def _rows(*tables: pd.DataFrame | None) -> dict[int, dict[str, float]]:
    """The finite numbers of tables by step, the steps in order."""
    rows: dict[int, dict[str, float]] = {}
    for table in tables:
        for row in [] if table is None else table.to_dict("records"):
            step = int(row.pop("step"))
            rows.setdefault(step, {}).update(
                (str(name), float(value)) for name, value in row.items() if np.isfinite(value)
            )
    return dict(sorted(rows.items()))


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as numbers, truths and texts, and nothing else."""
    kinds = (bool, int, float, str)
    return {key: each if isinstance(each, kinds) else str(each) for key, each in settings.items()}


def to_tensorboard(found: Iterator[Run], folder: Path) -> str:
    """A folder of event files a member; their settings on the tab of hyperparameters."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    def numbers(values: dict[str, Any]) -> Summary:
        return Summary(
            value=[
                Summary.Value(tag=name, simple_value=value)
                for name, value in values.items()
                if not isinstance(value, str)
            ]
        )

    for run in found:
        own = folder / run.group / run.name.partition(" ")[0]
        shutil.rmtree(own, ignore_errors=True)
        writer = EventFileWriter(str(own))
        texts = {name: each for name, each in run.outcome.items() if isinstance(each, str)}
        settings = _plain(run.settings | texts)
        writer.add_event(Event(summary=hparams_pb(settings, trial_id=run.id)))
        for step, row in run.rows.items():
            writer.add_event(Event(step=step, summary=numbers(row)))
        last = max(run.rows, default=0)
        writer.add_event(Event(step=last, summary=numbers(run.outcome)))
        writer.close()
    return shlex.join(["tensorboard", "--logdir", str(folder)])


def to_wandb(found: Iterator[Run], folder: Path) -> str:
    """An offline run a member, unless ``WANDB_MODE`` says otherwise."""
    import wandb

    folder.mkdir(parents=True, exist_ok=True)
    settings = wandb.Settings(silent=True, console="off", disable_git=True, disable_code=True)
    for run in found:
        for earlier in (folder / "wandb").glob(f"offline-run-*-{run.id}"):
            shutil.rmtree(earlier)
        with wandb.init(
            dir=str(folder),
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            mode=os.environ.get("WANDB_MODE", "offline"),  # type: ignore[arg-type]
            id=run.id,
            name=run.name,
            group=run.group,
            config=run.settings,
            tags=run.tags,
            settings=settings,
        ) as active:
            for step, row in run.rows.items():
                active.log(row, step=step)
            active.summary.update(run.outcome)
    return f"wandb sync {shlex.quote(str(folder / 'wandb'))}/offline-run-*"


def to_mlflow(found: Iterator[Run], folder: Path) -> str:
    """A run a member, in an experiment a sweep, at ``MLFLOW_TRACKING_URI`` or in a local file."""
    from mlflow.entities import Metric, Param, RunStatus, RunTag
    from mlflow.tracking import MlflowClient

    folder.mkdir(parents=True, exist_ok=True)
    place = os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{folder.resolve() / 'mlflow.db'}")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    client = MlflowClient(tracking_uri=place)
    for run in found:
        experiment = client.get_experiment_by_name(run.group)
        number = (
            experiment.experiment_id
            if experiment
            else client.create_experiment(run.group, (folder.resolve() / "artifacts").as_uri())
        )
        for earlier in client.search_runs([number], f"tags.`grok.id` = '{run.id}'"):
            client.delete_run(earlier.info.run_id)
        key = client.create_run(number, run_name=run.name, tags={"grok.id": run.id}).info.run_id
        numbers = {name: each for name, each in run.outcome.items() if not isinstance(each, str)}
        rows = [*run.rows.items(), (max(run.rows, default=0), numbers)]
        metrics = [
            Metric(name, value, 0, step) for step, row in rows for name, value in row.items()
        ]
        for i in range(0, len(metrics), 1000):  # at most, in one call
            client.log_batch(key, metrics[i : i + 1000])
        params = [Param(name, str(value)[:LONGEST]) for name, value in run.settings.items()]
        for i in range(0, len(params), 100):
            client.log_batch(key, params=params[i : i + 100])
        client.log_batch(key, tags=[RunTag(each, "true") for each in run.tags])
        client.set_terminated(key, RunStatus.to_string(RunStatus.FINISHED))
    return shlex.join(["mlflow", "ui", "--backend-store-uri", place])


TRACKERS: dict[str, Callable[[Iterator[Run], Path], str]] = {
    "tensorboard": to_tensorboard,
    "wandb": to_wandb,
    "mlflow": to_mlflow,
}
"""Each writes members to a folder, and gives the command that shows them."""


def track(sweep: Sweep, name: str, folder: Path) -> str:
    """Take a sweep's members over to the tracker `name`; the command that shows them.

    Raises:
        UserError: the tracker isn't installed, or can't write.
    """
    try:
        with contextlib.redirect_stdout(None):  # what trackers say of themselves
            return TRACKERS[name](runs(sweep), folder)
    except ImportError as error:
        raise UserError(
            f"--track {name}: needs the package {error.name}; pip install 'grokphase[{name}]'"
        ) from None
    except OSError as error:
        raise UserError(unwritable(error, folder, "or pass --out FOLDER")) from None
