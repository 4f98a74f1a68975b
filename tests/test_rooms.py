"""Which room may import which: the way of the data goes one way."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

ROOMS = [
    "grok.printable",
    "grok.program",
    "grok.working_folder",
    "grok.errors",
    "grok.options",
    "grok.phases",
    "grok.schema",
    "grok.record",
    "grok.sweeps.refine",
    "grok.optim",
    "grok.tasks",
    "grok.measures",
    "grok.engine",
    "grok.callbacks",
    "grok.training",
    "grok.composing",
    "grok.weights",
    "grok.checks",
    "grok.job",
    "grok.sweeps",
    "grok.launch",
    "grok.templates",
    "grok.new_task",
    "grok.cli",
    "grok.spelling",
    "grok.api",
    "hydra_plugins",
]
"""Each imports itself and those above it only."""
LOOKS = "grok.analysis.pictures.palette"
"""What both kinds of pictures share."""
ANALYSIS = {
    "grok.analysis.read": [],
    "grok.analysis.numbers": ["grok.analysis.read"],
    LOOKS: ["grok.analysis.numbers"],
    "grok.analysis.pictures": ["grok.analysis.read", "grok.analysis.numbers", LOOKS],
    "grok.analysis.report": ["grok.analysis.read", "grok.analysis.numbers", LOOKS],
    "grok.analysis": ["grok.analysis"],
}
"""The analysis' own rooms, what each imports of the others, and of the rest `RECORDS` only."""
RECORDS = [
    "grok.printable",
    "grok.program",
    "grok.errors",
    "grok.options",
    "grok.phases",
    "grok.record",
]
RECORDS += ["grok.sweeps.refine"]  # knows nothing of sweeps but their jobs


def imports(path: Path) -> Iterator[str]:
    """The full names of what a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(name: str) -> str | None:
    """The room of a module, function or class; None for what isn't ours or is in none."""
    found = [room for room in [*ROOMS, *ANALYSIS] if is_in(room, name)]
    return max(found, key=len, default=None)


def is_in(room: str, name: str) -> bool:
    """Whether a module, function or class is in a room, or in one of its own."""
    return f"{name}.".startswith(f"{room}.")


MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in ("grok", "hydra_plugins")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path != ROOT / "grok" / "__init__.py"  # names the public functions, and imports none
}
ONLY_IN = {
    "matplotlib": "grok.analysis",
    "plotly": "grok.analysis",
    "scipy": "grok.analysis",
    "torchvision": "grok.tasks",
}
"""Packages that no other room needs."""
WITHOUT = {
    "grok": ["torch", "hydra", "pandas"],
    "grok.schema": ["torch", "hydra", "omegaconf"],
    "grok.sweeps.refine": ["torch", "hydra", "omegaconf", "numpy", "pandas"],
    "grok.record.record": ["torch", "hydra", "omegaconf", "pandas"],
    "grok.engine": ["hydra", "omegaconf"],
    "grok.training": ["hydra", "omegaconf"],
    "grok.cli": ["torch", "hydra", "pandas", "matplotlib"],
    "grok.cli.application": ["torch", "numpy", "joblib", "pandas", "matplotlib"],
    "grok.api": ["torch", "matplotlib"],
    "grok.analysis": ["torch", "hydra", "matplotlib", "plotly"],
    "grok.analysis.command": ["torch", "hydra", "matplotlib"],
    "grok.analysis.numbers.*": ["torch", "hydra", "matplotlib", "plotly"],
}
"""Packages that a module, or all of a room, does without, itself and all that it imports."""


def test_every_module_is_in_a_room():
    assert [name for name in MODULES if room_of(name) is None] == []
    assert {room_of(name) for name in MODULES} == {*ROOMS, *ANALYSIS}


@pytest.mark.parametrize("name", MODULES)
def test_nothing_is_imported_from_below(name):
    room = room_of(name)
    allowed = [*RECORDS, *ANALYSIS[room]] if room in ANALYSIS else ROOMS[: ROOMS.index(room)]
    if room in ("grok.cli", "grok.api"):  # the ways in are to both
        allowed = [*allowed, *ANALYSIS]
    ours = [each for each in imports(MODULES[name]) if room_of(each) not in (None, room)]
    assert [each for each in ours if not any(is_in(other, each) for other in allowed)] == []


@pytest.mark.parametrize("package", ONLY_IN)
def test_packages_of_one_room(package):
    used = {
        name
        for name, path in MODULES.items()
        if package in {each.partition(".")[0] for each in imports(path)}
    }
    assert used
    assert [name for name in used if not is_in(ONLY_IN[package], name)] == []


@pytest.mark.long
@pytest.mark.parametrize("name", WITHOUT)
def test_packages_that_a_module_does_without(name):
    names = [each for each in MODULES if is_in(name.removesuffix(".*"), each)]
    used = ", ".join(names if name.endswith(".*") else [name])
    code = f"import sys, {used}; print(*{{each.partition('.')[0] for each in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & set(WITHOUT[name]) == set()


@pytest.mark.long
def test_public_names_are_functions_whatever_is_imported():
    """A module of the same name would take a function's place."""
    modules = [name for name in MODULES if not name.endswith("pack_qm9")]  # a script with RDKit
    code = f"import grok, {', '.join(modules)}\n"
    code += "assert all(callable(getattr(grok, name)) for name in grok.__all__)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_analysis_knows_no_key_of_a_task_or_an_optimizer():
    for path in (ROOT / "grok" / "analysis").rglob("*.py"):
        assert re.findall(r"(?:opt|task)\.[a-z_]+", path.read_text()) == [], path


def test_modules_of_the_analysis_are_short():
    paths = (ROOT / "grok" / "analysis").rglob("*.py")
    assert max(len(path.read_text().splitlines()) for path in paths) <= 250
