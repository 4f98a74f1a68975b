"""Steps on a CPU, played as they are recorded: each member by itself."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grok.engine.compiled import Around, StackStep
from grok.engine.recording import Places
from grok.engine.shared import Common
from grok.engine.step import Given, State
from grok.engine.tensors import in_place
from grok.tasks import Batch


class Played(Around):
    """A `StackStep` on a CPU, without Python between its calls and steps, where it is recorded.

    Args:
        step: see `Around`.
        common: which arguments of a call have no leading dimension K.
    """

    def __init__(self, step: StackStep, common: Common) -> None:
        super().__init__(step)
        self._common = common
        self._places: Places | None = None

    @property
    def leaves_out_empty(self) -> bool:
        """Whether slots that nobody has cost nothing."""
        return self._places is not None and self.compiled

    def __call__(self, state: State, coefficients: Tensor, batch: Batch, given: Given) -> Tensor:
        """Advance `state` in place; what `member_step` measures, shape (K, 5)."""
        return self._step(state, coefficients, batch, given)

    def several(
        self,
        state: State,
        coefficients: Tensor,
        batches: Batch,
        given: Given,
        slots: Sequence[int],
    ) -> Tensor:
        """As `Steps.several`; nothing is measured in slots that nobody has."""
        first = in_place(batches, 0)
        if (recording := self._step.recording(first)) is not None:
            self._places = self._places or Places(state, given, self._common)
            return self._places.play(recording, coefficients, batches, slots)
        taken = self(state, coefficients[0], first, given)[None]  # is recorded by then
        if len(coefficients) == 1:
            return taken
        rest = state, coefficients[1:], in_place(batches, slice(1, None)), given, slots
        if self._step.recording(first) is None:
            return torch.cat([taken, super().several(*rest)])
        return torch.cat([taken, self.several(*rest)])
