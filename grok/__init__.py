"""Phase diagrams and loss landscapes of grokking: a sweep trained as one tensor program."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grok.analysis import load
    from grok.api import load_xarray, sweep, train
    from grok.checks.optimizer import check_optimizer
    from grok.checks.task import check_task
    from grok.composing import compose
    from grok.weights import load_member

__version__ = "0.1.0"
__all__ = [
    "check_optimizer",
    "check_task",
    "compose",
    "load",
    "load_member",
    "load_xarray",
    "sweep",
    "train",
]

_HOMES = {
    "check_optimizer": "grok.checks.optimizer",
    "check_task": "grok.checks.task",
    "compose": "grok.composing",
    "load": "grok.analysis",
    "load_member": "grok.weights",
    "load_xarray": "grok.api",
    "sweep": "grok.api",
    "train": "grok.api",
}


def __dir__() -> list[str]:
    """Public functions too, before they are asked for."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Import a public function when it is first asked for, and with it what it needs."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
