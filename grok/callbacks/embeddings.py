"""Trajectories of the embeddings (Re-TUG, Appendix C, Figures 11 and 12)."""

from __future__ import annotations

import numpy as np
import torch
from lightning import Trainer

from grok.callbacks.member import MemberCallback
from grok.engine import Member, Rows
from grok.results import EMBEDDINGS, Record, atomic_path


class Embeddings(MemberCallback):
    """Leaves ``embeddings.npz``: ``steps`` of shape (n,) and ``values`` of shape (n, p, d).

    The first entry is the initialisation, step 0.

    Args:
        every: optimizer steps from one entry to the next.
        parameter: name of the parameter to follow.
    """

    def __init__(self, every: int = 10, parameter: str = "encoder.weight") -> None:
        super().__init__()
        self.every, self.parameter = every, parameter
        self.watch = (parameter,)

    def observe(self, member: Member, rows: Rows, trainer: Trainer) -> None:
        """Keep the initial value and every n-th one."""
        if rows.first_step == 1:
            first = (np.array([0]), rows.initial[self.parameter][None])
            self.memory[member.folder] = [tuple(map(torch.from_numpy, first))]
        due = rows.steps % self.every == 0
        newest = (rows.steps[due], rows.watched[self.parameter][due])
        self.memory[member.folder].append(tuple(map(torch.from_numpy, newest)))

    def finish(self, member: Member, record: Record) -> None:
        """Write the file."""
        steps, values = map(torch.cat, zip(*self.memory[member.folder], strict=True))
        with atomic_path(member.folder / EMBEDDINGS) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, steps=steps.numpy(), values=values.numpy())
