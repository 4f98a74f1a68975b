"""Which room may import which: the way of the data goes one way."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

ROOMS = [
    "grok.printable",
    "grok.working_folder",
    "grok.errors",
    "grok.phases",
    "grok.schema",
    "grok.record",
    "grok.optim",
    "grok.tasks",
    "grok.measures",
    "grok.engine",
    "grok.callbacks",
    "grok.training",
    "grok.weights",
    "grok.compose",
    "grok.checks",
    "grok.job",
    "grok.sweep",
    "grok.launch",
    "grok.templates",
    "grok.new_task",
    "grok.cli",
    "grok.api",
    "hydra_plugins",
]
"""Each imports itself and those above it only; ``grok.api`` the analysis too."""
ANALYSIS = ["grok.printable", "grok.errors", "grok.phases", "grok.record"]
"""All that the analysis imports of the rest."""
WITHOUT = {
    "grok": ["torch", "hydra", "pandas"],
    "grok.schema": ["torch", "hydra", "omegaconf"],
    "grok.record.record": ["torch", "hydra", "omegaconf", "pandas"],
    "grok.engine": ["hydra", "omegaconf"],
    "grok.training": ["hydra", "omegaconf"],
    "grok.cli": ["torch", "pandas", "matplotlib"],
    "grok.api": ["torch", "matplotlib"],
    "grok.analysis": ["torch", "hydra", "matplotlib", "plotly"],
    "grok.analysis.command": ["torch", "hydra", "matplotlib"],
}
"""Packages that a module does without, itself and all that it imports."""


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
    found = [room for room in [*ROOMS, "grok.analysis"] if f"{name}.".startswith(f"{room}.")]
    return found[0] if found else None


MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in ("grok", "hydra_plugins")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path != ROOT / "grok" / "__init__.py"  # names the public functions, and imports none
}


def test_every_module_is_in_a_room():
    assert [name for name in MODULES if room_of(name) is None] == []
    assert {room_of(name) for name in MODULES} == {*ROOMS, "grok.analysis"}


@pytest.mark.parametrize("name", MODULES)
def test_nothing_is_imported_from_below(name):
    room = room_of(name)
    allowed = ANALYSIS if room == "grok.analysis" else ROOMS[: ROOMS.index(room)]
    allowed = [*allowed, "grok.analysis"] if room == "grok.api" else allowed
    used = {room_of(each) for each in imports(MODULES[name])} - {None, room}
    assert used <= set(allowed)


@pytest.mark.parametrize("name", WITHOUT)
def test_packages_that_a_module_does_without(name):
    code = f"import sys, {name}; print(*{{each.partition('.')[0] for each in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & set(WITHOUT[name]) == set()
