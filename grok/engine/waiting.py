"""Members that wait for a slot."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from grok.engine.member import Drawn, Member, Signature, departure
from grok.errors import UserError

Ready = tuple[Member, Drawn]


class Waiting:
    """Members in the order in which they are to start, each drawn when a slot is free.

    Args:
        members: see `grok.engine.module.StackModule`.
        dtype: of parameters and data.
        failed: told of each member that can't be drawn, or isn't like the first one.

    Attributes:
        unknown: whether more may come than are known.
        over: whether none will come.
    """

    def __init__(
        self,
        members: Iterable[Member | None],
        dtype: torch.dtype,
        failed: Callable[[Member, Exception], None],
    ) -> None:
        self.unknown = self.over = False
        self._members, self._precision, self._failed = iter(members), dtype, failed
        self._first: tuple[Path, Signature] | None = None  # a member, whom all others resemble
        self._back: Ready | None = None

    def next_ready(self) -> Ready | None:
        """The next one with its draws, None where none is there yet, or will be."""
        if self._back is not None:
            back, self._back = self._back, None
            return back
        self.unknown = False
        for member in self._members:
            if member is None:
                self.unknown = True
                return None
            try:
                drawn = member.drawn(self._precision)
                self._check_alike(member, drawn.signature(member.task))
            except Exception as error:
                self._failed(member, error)
            else:
                return member, drawn
        self.over = True
        return None

    def put_back(self, ready: Ready) -> None:
        """Let the one that came last wait on; it is the next again."""
        self._back = ready

    def _check_alike(self, member: Member, signature: Signature) -> None:
        """Refuse a member that takes other steps, or has other shapes, than the first one."""
        self._first = self._first or (member.folder, signature)
        folder, expected = self._first
        if other := departure(expected, signature):
            raise UserError(
                f"{other} in {folder}: they can't share a stack, whose members take one step; no "
                "shape may depend on a seed, nor on a key that the task calls VARYING"
            )
