"""Arrows between the rooms of the analysis go one way."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import grok.analysis

HERE = Path(grok.analysis.__file__).parent
LOOKS = "grok.analysis.pictures.palette"
FAILING = "grok.analysis.attempt"
KNOWN = {
    "read": (),
    "numbers": ("grok.analysis.read",),
    "pictures": ("grok.analysis.read", "grok.analysis.numbers"),
    "report": ("grok.analysis.read", "grok.analysis.numbers", LOOKS, FAILING),
}


def imports(path):
    """Modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("room", KNOWN)
def test_a_room_knows_those_before_it(room):
    known = (f"grok.analysis.{room}", *KNOWN[room])
    for path in (HERE / room).rglob("*.py"):
        for name in imports(path):
            inside = name.startswith("grok.analysis.")
            assert not inside or f"{name}.".startswith(tuple(f"{each}." for each in known)), (
                f"{path.relative_to(HERE)} imports {name}"
            )


def test_what_is_read_is_records():
    allowed = ("grok.record.", "grok.phases.", "grok.errors.", "grok.printable.")
    for path in (HERE / "read").rglob("*.py"):
        outside = [name for name in imports(path) if name.startswith("grok.")]
        assert all(name.startswith((*allowed, "grok.analysis.read.")) for name in outside)


def test_numbers_need_no_pictures():
    names = sorted(path.stem for path in (HERE / "numbers").glob("[a-z]*.py"))
    code = "import sys\n" + "\n".join(f"import grok.analysis.numbers.{name}" for name in names)
    code += "\nassert not {'matplotlib', 'plotly', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_key_of_a_task_or_an_optimizer_is_known():
    for path in HERE.rglob("*.py"):
        found = re.findall(r"(?:opt|task)\.[a-z_]+", path.read_text())
        assert found == [], path


def test_modules_are_short():
    lengths = {path: len(path.read_text().splitlines()) for path in HERE.rglob("*.py")}
    assert max(lengths.values()) <= 250
