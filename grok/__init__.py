"""Phase diagrams and loss landscapes of grokking: a sweep trained as one tensor program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grok.weights import load_member

__version__ = "0.1.0"
__all__ = ["load_member"]


def __getattr__(name: str) -> Any:
    """Import PyTorch only for what needs it."""
    if name == "load_member":
        from grok.weights import load_member

        return load_member
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
