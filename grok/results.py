"""What a member leaves on disk: the record, written atomically, read without torch.

A member's folder holds ``result.json`` (a `Record`), ``curves.csv`` and whatever else its
callbacks add. ``result.json`` is written last, so a folder that has one is finished. A sweep's
folder holds one such folder a job, named by job number, and ``plan.json`` (a `Plan`). A member
under way has a ``checkpoint.pt``.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from grok.errors import UserError
from grok.phases import Phase

SCHEMA = 1
LOCK = ".lock"
ERROR = "error.txt"
RESULT = "result.json"
CHECKPOINT = "checkpoint.pt"
CURVES = "curves.csv"
EMBEDDINGS = "embeddings.npz"
FOURIER = "fourier.npz"
PLAN = "plan.json"
MEASURES = "measures.csv"
WEIGHTS = "weights"
LATER = {
    "engine.plain": False,
    "seed.perturb": 0,
    "opt._target_": "grok.optim.AdamW",
    "opt.warmup": 0,
    "opt.schedule": "constant",
    "opt.gamma": 0.1,
    "task.subset": "random",
    "task.representation": "images",
    "task.messiness": 1.0,
}
"""Keys that configurations of earlier versions lack, and the values that mean the same."""
OBSERVING = ("callbacks.", "measures.", "weights.", "logger.", "engine.threads.")
"""Keys and sections that don't change how a member trains, but what is seen of it, or how fast."""
STEP_COLUMNS: dict[str, str | None] = {
    "train_loss": "lower",
    "train_accuracy": "higher",
    "val_loss": "lower",
    "val_accuracy": "higher",
    "weight_norm": None,
}
"""What is measured at every step, and which way it is better."""
CURVE_COLUMNS = ("step", *STEP_COLUMNS)


@dataclass
class Record:
    """The outcome of one member and what is needed to train it again.

    Attributes:
        task: name of the task's config, as in ``task=toy_regression``.
        phase: see `grok.phases.classify`.
        t_train, t_val: first optimizer step (from 1) at the threshold; None if never reached.
        budget: maximum number of optimizer steps.
        steps: optimizer steps until the member ended.
        stop_reason: ``early_stop`` (both thresholds reached), ``budget`` or ``diverged``.
        diverged: whether loss or weights went non-finite.
        overrides: the job's own settings, full key to value.
        config: the whole composed configuration.
        columns: what was measured, and which way it is better (``higher``, ``lower`` or None).
        final: of each column the value at the last step, or the last that was measured.
        best: the lowest or the highest over all steps, where one is better.
        weight_norm: L2 norm of all parameters ``initial``, at ``t_train``, at ``t_val``, ``final``;
            and, where it is a constraint, that which is ``held``, of the groups that it is for.
        decay_per_step: the share that weight decay takes of every weight in a step; None where it
            isn't the same for all weights and steps.
        weights: moments of which there are weights in the folder; see `grok.load_member`.
        wall_seconds: the member's share of the time that its stack's steps took.
        versions: package name to version; ``git_revision`` is None outside a checkout.
    """

    task: str
    phase: str
    t_train: int | None
    t_val: int | None
    budget: int
    threshold: float
    grokking_gap: int
    steps: int
    stop_reason: str
    diverged: bool
    overrides: dict[str, Any] = field(default_factory=dict)
    seeds: dict[str, int] = field(default_factory=dict)
    columns: dict[str, str | None] = field(default_factory=lambda: dict(STEP_COLUMNS))
    final: dict[str, float | None] = field(default_factory=dict)
    best: dict[str, float | None] = field(default_factory=dict)
    weight_norm: dict[str, float | None] = field(default_factory=dict)
    decay_per_step: float | None = None
    weights: list[str] = field(default_factory=list)
    precision: str = "32-true"
    device: str = "cpu"
    compiled: bool = False
    wall_seconds: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)
    git_revision: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA


@dataclass
class Plan:
    """The jobs of a sweep, finished or not.

    Attributes:
        keys: full names of the swept keys, in the order of the command line.
        jobs: one dictionary a job, swept key to value; job ``i`` writes to the folder ``str(i)``.
        common: the configuration of the first job, for what all have in common.
    """

    keys: list[str]
    jobs: list[dict[str, Any]]
    common: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA


_Content = TypeVar("_Content", Record, Plan)


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its name when the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write strict JSON atomically and durably (non-finite numbers must be None by now)."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def write_record(folder: Path, record: Record) -> None:
    """Mark `folder` finished by writing its ``result.json``."""
    write_json(folder / RESULT, asdict(record))


def read_record(folder: Path) -> Record:
    """The record in `folder`.

    Raises:
        UserError: ``result.json`` is damaged or of another schema.
    """
    return _read(folder / RESULT, Record)


def write_plan(folder: Path, plan: Plan) -> None:
    """Write the sweep's plan to its folder."""
    write_json(folder / PLAN, asdict(plan))


def read_plan(folder: Path) -> Plan | None:
    """The plan of the sweep in `folder`, None where none was written.

    Raises:
        UserError: ``plan.json`` is damaged or of another schema.
    """
    return _read(folder / PLAN, Plan) if (folder / PLAN).exists() else None


def finished(folder: Path) -> bool:
    """Whether the member of `folder` has ended and left its record."""
    return (folder / RESULT).is_file()


def tidy(folder: Path) -> None:
    """Remove what led to a record: checkpoint, error, and what a killed process was writing."""
    for path in (folder / CHECKPOINT, folder / ERROR, *folder.glob(".*.tmp")):
        path.unlink(missing_ok=True)


def flat(cfg: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of a configuration by full name, such as ``opt.lr_dec``."""
    values: dict[str, Any] = {}
    for key, value in cfg.items():
        inner = isinstance(value, Mapping) and value
        values |= flat(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value}
    return values


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """The first key in which two configurations differ, in a line; None where they are equal.

    What is only observed may differ: a run goes on, or is as good, with other callbacks. So may the
    folder of the data, for which other keys may stand.
    """
    old, new = LATER | flat(before), LATER | flat(now)
    for key in sorted(old.keys() | new.keys()):
        moved = (old.get(key), new.get(key)) == (old.get("data.dir"), new.get("data.dir"))
        if old.get(key) != new.get(key) and not (moved or f"{key}.".startswith(OBSERVING)):
            return f"{key}={new.get(key)}: was {old.get(key)} before"
    return None


def _read(path: Path, kind: type[_Content]) -> _Content:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: unreadable ({error}); delete it and run its job again") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise UserError(
            f"{path}: not a version {SCHEMA} {kind.__name__.lower()}; delete it and run again"
        )
    if kind is Record and "decay_per_step" not in content:  # of an earlier version
        content["decay_per_step"] = _decay(content.get("config", {}).get("opt", {}))
    try:
        loaded = kind(**content)
        _check(loaded)
    except (TypeError, ValueError) as error:
        raise UserError(f"{path}: damaged ({error}); delete it and run its job again") from None
    return loaded


def _check(loaded: Record | Plan) -> None:
    """Raise ValueError where what was read can't be what was written."""
    if isinstance(loaded, Plan):
        sound = isinstance(loaded.keys, list) and isinstance(loaded.jobs, list)
        if not sound or not all(isinstance(job, dict) for job in loaded.jobs):
            raise ValueError("keys and jobs are no lists of names and of settings")
        return
    Phase(loaded.phase)
    for name in ("columns", "final", "best", "weight_norm", "config"):
        if not isinstance(getattr(loaded, name), dict):
            raise ValueError(f"{name} is {getattr(loaded, name)!r}")
    for name in ("t_train", "t_val", "budget", "steps", "grokking_gap"):
        value = getattr(loaded, name)
        if not (isinstance(value, int) or (value is None and name.startswith("t_"))):
            raise ValueError(f"{name} is {value!r}")


def _decay(opt: Mapping[str, Any]) -> float | None:
    """What AdamW, once the only optimizer, takes of every weight; None if not the same."""
    shares = {opt.get(f"lr_{group}", 0) * opt.get(f"wd_{group}", 0) for group in ("enc", "dec")}
    return shares.pop() if len(shares) == 1 and opt else None
