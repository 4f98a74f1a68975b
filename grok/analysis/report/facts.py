"""What a report says of its sweep in words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from grok.analysis.numbers.definitions import PHASES_ARE, TIMES_ARE
from grok.analysis.numbers.labels import finished, folder_name, left_out, number
from grok.analysis.numbers.landscape import ended_early
from grok.analysis.numbers.layout import choose, numeric, swept
from grok.analysis.numbers.mixture import mixture
from grok.analysis.read.sweep import VARIES, Sweep
from grok.phases import Phase
from grok.record.difference import flat
from grok.record.names import RESULT
from grok.record.record import Record

LISTED = 4
ROUNDING = 1e-6


def facts(sweep: Sweep) -> dict[str, str]:
    """Name and text of what was swept, how it ended, how it was run and what it cost."""
    records, layout = list(sweep.records.values()), choose(sweep)
    phases = {str(phase): int((sweep.known["phase"] == phase).sum()) for phase in Phase}
    versions = [f"{name} {version}" for each in records for name, version in each.versions.items()]
    seeds = dict.fromkeys(name for record in records for name in record.seeds)
    told = {
        "Task": _distinct(record.task for record in records),
        "Members": finished(sweep),
        **({} if sweep.constrained else {"Phases": _counted(phases)}),
        "Diverged": str(int(sweep.table["diverged"].sum())),
        **{f"Swept: {key}": _values(values) for key, values in swept(sweep).items()},
        "Drawn": left_out(layout) if layout.left_out else "",
        "Threshold": f"accuracy {_thresholds(sweep)}",
        "Grokking gap": f"{_gaps(sweep)} steps",
        "Budget": _distinct(f"{record.budget} steps" for record in records),
        "Phases as": "" if sweep.cut is None else f"after {sweep.cut} steps",
        "Ended early": ended_early(sweep),
        **{f"Seed: {name}": _distinct(r.seeds.get(name) for r in records) for name in seeds},
        "Mixed": mixture(sweep),
        "Damaged": "; ".join(sweep.damaged.values()),
        "Host": _distinct(record.host for record in records if record.host),
        "CPU": _distinct(record.cpu for record in records if record.cpu),
        "Device": _distinct(record.device for record in records),
        "Precision": _distinct(record.precision for record in records),
        "Compiled": _distinct("yes" if record.compiled else "no" for record in records),
        "Versions": ", ".join(dict.fromkeys(versions)),
        "Git revision": _distinct(record.git_revision or "none" for record in records),
        "Task from": _distinct(_origin(r) for r in records if r.task_origin),
        "Cost": cost(sweep),
    }
    return {name: words for name, words in told.items() if words}


def cost(sweep: Sweep) -> str:
    """The time that all members trained, and their optimizer steps."""
    seconds, steps = float(sweep.table["wall_seconds"].sum()), int(sweep.table["steps"].sum())
    members = len(sweep.table)
    summed = f", summed over {members} members" if members > 1 else ""
    return f"{_duration(seconds)} of training{summed} ({steps:,} optimizer steps)"


def heading(sweep: Sweep, task: str) -> str:
    """The task, the sweep's folder and the date of its last record."""
    folders = {sweep.member_folder(job) for job in sweep.records}
    last = max((folder / RESULT).stat().st_mtime for folder in folders)
    return f"{task}: {folder_name(sweep)} ({date.fromtimestamp(last)})"


def definitions(sweep: Sweep) -> tuple[str, dict[str, str]]:
    """What T_train and T_val are, and each of the phases."""
    phases = {str(phase): text.format(gap=_gaps(sweep)) for phase, text in PHASES_ARE.items()}
    tolerances = (flat(record.config).get("phase.tolerance") for record in sweep.records.values())
    reach = "over" if all(each is not None and each < 0 for each in tolerances) else "at least"
    return TIMES_ARE.format(reach=reach, threshold=_thresholds(sweep)), phases


def _thresholds(sweep: Sweep) -> str:
    return _distinct(_threshold(record) for record in sweep.records.values())


def _threshold(record: Record) -> str:
    """The least accuracy that counts; a tolerance of rounding goes without saying."""
    tolerance, text = flat(record.config).get("phase.tolerance") or 0.0, number(record.threshold)
    if tolerance < ROUNDING:
        return text
    return f"{number(record.threshold - tolerance)} ({text} less {number(tolerance)})"


def _gaps(sweep: Sweep) -> str:
    return _distinct(record.grokking_gap for record in sweep.records.values())


def configuration(sweep: Sweep) -> list[str]:
    """The configuration that all members share, a key each as on the command line."""
    settings = flat(sweep.common)
    different = {key for key in settings if any(_under(key, name) for name in swept(sweep))}
    for key, value in settings.items():  # what refers to another key is shared, whatever that is
        if sweep.constants.get(key) == VARIES and "${" not in str(value):
            different.add(key)
    return [f"{key}={value}" for key, value in settings.items() if key not in different]


def _origin(record: Record) -> str:
    """Package, version and commit of a task that isn't grok's own."""
    names = ("package", "version", "revision")
    return " ".join(found for name in names if (found := record.task_origin.get(name)))


def _under(key: str, name: str) -> bool:
    return key == name or key.startswith(f"{name}.")


def _distinct(values: Iterable[Any]) -> str:
    found = list(dict.fromkeys(values))
    texts = ", ".join(str(value) for value in found[:LISTED])
    return f"{texts}, ... ({len(found)} values)" if len(found) > LISTED else texts


def _values(values: list[Any]) -> str:
    texts = [number(value) for value in values]
    if len(texts) <= LISTED or not numeric(values):
        return ", ".join(texts)
    return f"{len(texts)} values from {texts[0]} to {texts[-1]}"


def _counted(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    return ", ".join(
        f"{name} {count} ({count / total:.0%})" for name, count in counts.items() if count
    )


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 3600 else f"{seconds / 3600:.3g} h"
