"""How large weights and gradients are, and how far the weights have come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from grok.measures.measure import Better, Measure, Snapshot
from grok.optim import GROUPS
from grok.optim.coefficients import total_norm


@dataclass(frozen=True)
class GroupNorms(Measure):
    """L2 norm of the weights of each parameter group; that of all is measured at every step."""

    def columns(self) -> Mapping[str, Better]:
        """A column a group."""
        return dict.fromkeys(f"{group}_norm" for group in GROUPS)

    def take(self, member: Snapshot) -> Mapping[str, Tensor]:
        """The norms; 0 for a group without parameters."""
        zero = next(iter(member.params.values())).new_zeros(1)
        return {
            f"{group}_norm": total_norm(
                [
                    zero,
                    *(p for name, p in member.params.items() if member.task.group(name) == group),
                ]
            )
            for group in GROUPS
        }


@dataclass(frozen=True)
class GradientNorm(Measure):
    """L2 norm of the gradient of the loss on all training samples, weight decay not counted."""

    def columns(self) -> Mapping[str, Better]:
        """The one column."""
        return {"gradient_norm": None}

    def take(self, member: Snapshot) -> Mapping[str, Tensor]:
        """The norm."""
        return {"gradient_norm": total_norm(member.gradient().values())}


@dataclass(frozen=True)
class Distance(Measure):
    """L2 distance of the weights from the initial ones."""

    def columns(self) -> Mapping[str, Better]:
        """The one column."""
        return {"distance": None}

    def take(self, member: Snapshot) -> Mapping[str, Tensor]:
        """The distance."""
        return {
            "distance": total_norm(p - member.initial[name] for name, p in member.params.items())
        }
