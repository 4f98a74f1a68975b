"""How damage is known: by strict JSON, values of the right types that make sense, and checksums."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from grok.errors import DamagedFileError, UserError
from grok.phases import Phase, classify

if TYPE_CHECKING:
    from grok.record.record import Plan, Record

CHECKSUM = "checksum"
DEEPEST = 50
"""Mappings and lists in each other; a configuration has some six."""
STOP_REASONS = ("early_stop", "budget", "diverged")

_Content = TypeVar("_Content", "Record", "Plan")


def signed(content: dict[str, Any]) -> dict[str, Any]:
    """`content` as JSON gives it back, with a checksum of its own.

    Raises:
        ValueError: a number isn't finite.
    """
    plain: dict[str, Any] = json.loads(json.dumps(content, allow_nan=False))
    return plain | {CHECKSUM: _of_values(plain)}


def _take_checksum(content: dict[str, Any]) -> bool | None:
    """Take the checksum out of `content`: whether it holds; None where there is none."""
    return content.pop(CHECKSUM) == _of_values(content) if CHECKSUM in content else None


def of_file(path: Path) -> str:
    """The checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_bytes(content: bytes | memoryview) -> str:
    """The checksum of what a file is to hold."""
    return hashlib.sha256(content).hexdigest()


def read(
    path: Path, kind: type[_Content], make: Callable[[dict[str, Any]], _Content], fix: str
) -> _Content:
    """A record or a plan.

    Args:
        kind: its class.
        make: the same of what is in the file; raises ValueError where that makes no sense.
        fix: what to do about a damaged one.

    Raises:
        DamagedFileError: the file isn't what was written.
        UserError: it is of a newer version, or can't be read.
    """
    name, current = kind.__name__.lower(), kind.schema
    try:
        content = _parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: unreadable ({error.strerror}); make it readable") from None
    except ValueError as error:
        raise DamagedFileError(f"{path}: unreadable ({error})", fix) from None
    schema = content.get("schema") if isinstance(content, dict) else None
    holds = _take_checksum(content) if isinstance(content, dict) else None
    if type(schema) is int and schema > current and holds is not False:
        raise _newer(path, f"version {schema} of a {name}")
    if schema != current:
        raise DamagedFileError(f"{path}: not a version {current} {name}", fix)
    more = [name for name in content if name not in _hints(kind)]
    if more and holds:
        raise _newer(path, f"holds {more[0]!r}")
    try:
        loaded = make(content)
        if holds is False:
            raise ValueError("its checksum is that of another content")
    except ValueError as error:
        raise DamagedFileError(f"{path}: damaged ({error})", fix) from None
    return loaded


def _newer(path: Path, what: str) -> UserError:
    return UserError(f"{path}: {what}, written by a newer version of grok; update grok")


def _parse(text: str) -> Any:
    """The values of JSON.

    Raises:
        ValueError: it is none, or holds what is never written: numbers beyond 64 bits, texts that
            can't be printed, lists in lists without end.
    """
    try:
        content = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    _check_values(content, DEEPEST)
    return content


def build(kind: type[_Content], content: dict[str, Any]) -> _Content:
    """The dataclass `kind` of `content`.

    Raises:
        ValueError: a name is missing or unknown, or its value isn't of the field's type.
    """
    hints = _hints(kind)
    for name, value in content.items():
        if name not in hints:
            raise ValueError(f"{name!r} is unknown")
        if not _fits(value, hints[name]):
            raise ValueError(f"{name} is {_short(value)}")
    try:
        return kind(**content)
    except TypeError as error:
        raise ValueError(str(error).partition("() ")[2]) from None


def check_plan(plan: Plan) -> None:
    """Raise ValueError where a plan's jobs aren't settings of its keys."""
    if len(set(plan.keys)) != len(plan.keys):
        raise ValueError("a key is planned twice")
    for number, job in enumerate(plan.jobs):
        if job.keys() != set(plan.keys):
            raise ValueError(f"job {number} sets {_short(list(job))}")


def check_record(record: Record) -> None:
    """Raise ValueError where no run can have left such a record."""
    Phase(record.phase)
    if record.stop_reason not in STOP_REASONS:
        raise ValueError(f"stop_reason is {record.stop_reason!r}")
    if not (0 < record.threshold <= 1 and record.grokking_gap >= 0 and record.wall_seconds >= 0):
        raise ValueError("threshold, grokking_gap or wall_seconds is out of range")
    if not 0 <= record.steps <= record.budget:
        raise ValueError(f"steps is {record.steps} of {record.budget}")
    for name in ("t_train", "t_val"):
        value = getattr(record, name)
        if value is not None and not 1 <= value <= record.steps:
            raise ValueError(f"{name} is {value}, and steps {record.steps}")
    phase = classify(record.t_train, record.t_val, record.budget, record.grokking_gap)
    if record.phase != phase:
        raise ValueError(f"phase is {record.phase}, and by its times {phase}")
    if not record.task.isprintable():
        raise ValueError(f"task is {record.task!r}")
    if not set(record.columns.values()) <= {"higher", "lower", None}:
        raise ValueError("columns says of a number neither higher nor lower nor null")
    if not all(text.isprintable() for pair in record.roles.items() for text in pair):
        raise ValueError("roles has a key or a role that can't be printed")
    if not isinstance(record.config.get("norm", {}), dict):
        raise ValueError("config.norm is no section")


def decay(config: Any) -> float | None:
    """What AdamW, once the only optimizer, takes of every weight; None if not the same."""
    opt = config.get("opt") if isinstance(config, dict) else None
    if not isinstance(opt, dict):
        return None
    rates = [opt.get(f"{name}_{group}", 0) for group in ("enc", "dec") for name in ("lr", "wd")]
    if not opt or any(type(rate) not in (int, float) for rate in rates):
        return None
    shares = {rates[0] * rates[1], rates[2] * rates[3]}
    return shares.pop() if len(shares) == 1 else None


_hints: Callable[[Any], dict[str, Any]] = functools.cache(get_type_hints)


def _of_values(content: Any) -> str:
    """The same however the JSON is laid out."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return of_bytes(text.encode(errors="surrogatepass"))


def _check_values(value: Any, depth: int) -> None:
    if depth == 0:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        for name, inner in value.items():
            _check_values(name, depth)
            _check_values(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            _check_values(inner, depth - 1)
    elif isinstance(value, str):
        value.encode()
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no finite number")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("a number has more than 64 bits")


def _fits(value: Any, hint: Any) -> bool:
    """Whether `value`, which came of JSON, is what a field's annotation says."""
    kind, inner = get_origin(hint), get_args(hint)
    if kind is UnionType:
        return any(_fits(value, each) for each in inner)
    if kind is dict:
        return isinstance(value, dict) and all(_fits(each, inner[1]) for each in value.values())
    if kind is list:
        return isinstance(value, list) and all(_fits(each, inner[0]) for each in value)
    if hint is float:
        return type(value) in (int, float)
    return hint is Any or type(value) is (NoneType if hint is None else hint)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
