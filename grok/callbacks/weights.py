"""Weights kept at moments of a member's training, for whoever wants to look inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from safetensors.torch import save
from torch import Tensor

from grok.callbacks.member import MemberCallback
from grok.engine import Member, Rows, StackModule
from grok.measures import Better, Measure, Snapshot
from grok.record.files import atomic_path
from grok.record.names import WEIGHTS
from grok.record.record import Record

MEASURE = "weights.every"
"""No measure of anybody's own is called so."""


class AllWeights(Measure):
    """The weights themselves as a measure, for those kept every so many steps."""

    def columns(self) -> Mapping[str, Better]:
        """None: they are arrays."""
        return {}

    def take(self, member: Snapshot) -> Mapping[str, Tensor]:
        """Parameters and constants."""
        return member.params | member.constants


class KeptWeights(MemberCallback):
    """Leaves weights in the member's folder as safetensors; `grok.load_member` reads them.

    Args:
        moments: of ``initial``, ``t_train``, ``t_val`` and ``final``; a file of this name for each
            that the member comes to.
        every: and after every so many steps, ``step_<number>``; None for none.
    """

    def __init__(self, moments: Sequence[str], every: int | None = None) -> None:
        super().__init__()
        self.moments, self.every = tuple(moments), every

    @property
    def measures(self) -> dict[str, Measure]:
        """What the engine has to take for it along the way."""
        return {} if self.every is None else {MEASURE: AllWeights(every=self.every)}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write the weights of the moments that lie in the newest rows."""
        assert isinstance(pl_module, StackModule)
        moments = {
            i: self._moments(slot.rows) for i, slot in enumerate(pl_module.slots) if slot.rows
        }
        wanted = {i: set(steps.values()) for i, steps in moments.items() if steps}
        found = pl_module.revisited(wanted)
        for i, slot in enumerate(pl_module.slots):
            if slot.member is not None and slot.rows is not None and slot.rows.first_step == 1:
                with pl_module.only(i):
                    remove(slot.member.folder)
        for i in wanted:
            member = pl_module.slots[i].member
            if member is not None:
                with pl_module.only(i):
                    for moment, step in moments[i].items():
                        write(member.folder, moment, found[i, step])
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def _moments(self, rows: Rows) -> dict[str, int]:
        """The steps of the moments that lie in `rows`, by name."""
        steps = {
            "initial": 0 if rows.first_step == 1 else None,
            "t_train": rows.t_train,
            "t_val": rows.t_val,
            "final": None if rows.stop_reason is None else int(rows.steps[-1]),
        }
        return {
            moment: step
            for moment, step in steps.items()
            if moment in self.moments
            and step is not None
            and (step >= rows.first_step or moment == "initial")
        }

    def observe(self, member: Member, rows: Rows, trainer: Trainer) -> None:
        """Write what was taken along the way."""
        for taken in rows.taken:
            if taken.measure == MEASURE:
                write(member.folder, f"step_{taken.step}", taken.values)

    def finish(self, member: Member, record: Record) -> None:
        """Note what there is."""
        record.weights = sorted(path.stem for path in kept(member.folder))


def kept(folder: Path) -> list[Path]:
    """The files of weights in a member's folder."""
    return list((folder / WEIGHTS).glob("*.safetensors"))


def remove(folder: Path) -> None:
    """Have no weights there that another try has left, perhaps with other settings."""
    for path in kept(folder):
        path.unlink(missing_ok=True)


def write(folder: Path, moment: str, tensors: dict[str, Tensor]) -> None:
    """Leave a file of weights in a member's folder, whole or not at all."""
    with atomic_path(folder / WEIGHTS / f"{moment}.safetensors") as temporary:
        temporary.write_bytes(save({name: t.contiguous() for name, t in tensors.items()}))
