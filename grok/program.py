"""What the running program is called by, for messages that show a command to type."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path


def words(python: str = "python") -> list[str]:
    """The words that call it: a script with its interpreter, or an installed command."""
    script = sys.argv[0]
    if script.endswith(".py"):
        return [python, script]
    installed = Path(script).with_suffix("")  # Windows may have it with .exe
    found = shutil.which(installed.name)
    same = found and Path(found).with_suffix("").resolve() == installed.resolve()
    return [installed.name if same else script]


def name() -> str:
    """How it is called in a line: ``python train.py``, or ``grok-train`` where that is typed."""
    return shlex.join(words())


def to_draw(folder: Path) -> str:
    """The line with the command that draws what is in `folder`, to be pasted."""
    here = os.path.relpath(folder)
    shown = str(folder) if here.startswith(os.pardir) else here
    return f"To draw it: {shlex.join([*analysis(), shown])}"


def analysis() -> list[str]:
    """The words that call the analysis, as this program is called."""
    *interpreter, script = words()
    path = Path(script)
    return [*interpreter, str(path.with_name(path.name.replace("train", "analyze")))]
