"""Whether the members of a grid were made alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from grok.analysis.read.sweep import Sweep
from grok.record.record import Record


def mixture(sweep: Sweep) -> str:
    """What of grok, PyTorch, device and precision members differ in, in a line; empty for nothing.

    A device or a precision that is swept is meant to differ.
    """
    told = []
    for name, of in _KINDS.items():
        counts = Counter(of(record) for record in sweep.records.values())
        meant = name in _TRAINER and any(key.split(".")[0] == "trainer" for key in sweep.keys)
        if len(counts) > 1 and not meant:
            texts = ", ".join(f"{value} ({count})" for value, count in counts.most_common())
            told.append(f"{name}: {texts}")
    return "; ".join(told)


def _grok(record: Record) -> str:
    commit = f" at {record.git_revision}" if record.git_revision else ""
    return f"{record.versions.get('grok', 'unknown')}{commit}"


_TRAINER = ("device", "precision")
_KINDS: dict[str, Callable[[Record], str]] = {
    "grok": _grok,
    "torch": lambda record: record.versions.get("torch", "unknown"),
    "device": lambda record: record.device,
    "precision": lambda record: record.precision,
}
