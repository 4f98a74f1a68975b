"""The weight norm at the moments that the LU mechanism speaks of (Omnigrok, section 2)."""

from __future__ import annotations

from lightning import Trainer

from grok.callbacks.member import MemberCallback
from grok.engine import Member, Rows
from grok.record.record import Record


class WeightNorm(MemberCallback):
    """Adds to the record the L2 norm of all parameters at the start, T_train, T_val and the end.

    Where the norm is a constraint, also that which is ``held``, of the groups that it is for.
    """

    def observe(self, member: Member, rows: Rows, trainer: Trainer) -> None:
        """Keep the norms of the moments that lie in these rows."""
        empty = {"initial": rows.initial_norm, "t_train": None, "t_val": None, "final": None}
        norms = self.memory.setdefault(member.folder, empty)
        if rows.held_norm is not None:
            norms["held"] = rows.held_norm
        moments = {"t_train": rows.t_train, "t_val": rows.t_val, "final": rows.steps[-1]}
        for name, step in moments.items():
            if step is not None and step >= rows.first_step:
                norms[name] = float(rows.metrics["weight_norm"][step - rows.first_step])

    def finish(self, member: Member, record: Record) -> None:
        """Hand the norms to the record."""
        record.weight_norm = self.memory[member.folder]
