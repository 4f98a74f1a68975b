"""Members under way, saved now and then, so that an interrupted run goes on where it was."""

from __future__ import annotations

import functools
import io
import logging
import time
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from grok.callbacks.member import MemberCallback, member_callbacks
from grok.engine import StackModule
from grok.engine.slots import Slot
from grok.errors import ConfigError, UserError, first_line
from grok.record import damage
from grok.record.difference import check_alike
from grok.record.files import atomic_path
from grok.record.names import CHECKPOINT

VERSION = 5
"""Raised when a member would go on otherwise than it began: another order of minibatches, say."""
SHARE = 0.05
"""The part of the time that saving takes at most."""

log = logging.getLogger(__name__)


class Checkpoints(Callback):
    """Leaves ``checkpoint.pt`` in each member's folder until it ends, and goes on from one.

    A checkpoint holds all that a member and the callbacks' memories of it consist of, whoever
    its neighbours are: any launcher, with any size of stack, takes it up again.

    Args:
        seconds: from one checkpoint to the next, or as many more as keep within `SHARE`; 0 for
            one as often as can be.
    """

    def __init__(self, seconds: float = 45) -> None:
        self.seconds = seconds
        self._saved, self._took, self._told = time.monotonic(), 0.0, False

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Take up members that are new in the stack; save all when it is time."""
        assert isinstance(pl_module, StackModule)
        for i, slot in enumerate(pl_module.slots):
            if slot.member is not None and pl_module.stack.done[i] == 0:
                with pl_module.only(i):
                    self._take_up(i, slot, pl_module, trainer)
        began = time.monotonic()
        pause = max(self.seconds, self._took / SHARE) if self.seconds else 0.0
        if began - self._saved >= pause:
            self._save(pl_module, trainer)
            self._saved = time.monotonic()
            self._took = self._saved - began

    def _take_up(self, i: int, slot: Slot, module: StackModule, trainer: Trainer) -> None:
        assert slot.member is not None
        saved = load(slot.member.folder)
        if saved is None:
            return
        try:
            check_alike(saved["config"], slot.member.config, slot.member.folder)
            module.stack.restore(i, saved["state"], saved["done"])
            for name, callback in named(trainer).items():
                if name in saved["memories"]:
                    callback.memory[slot.member.folder] = saved["memories"][name]
        except ConfigError:
            raise
        except Exception as error:  # whatever somebody else's file may raise
            raise UserError(
                f"{slot.member.folder / CHECKPOINT}: not of this member ({first_line(error)}); "
                "delete it to start again"
            ) from error

    def _save(self, module: StackModule, trainer: Trainer) -> None:
        under_way = [
            i for i, slot in enumerate(module.slots) if slot.member and module.stack.done[i] > 0
        ]
        if not under_way:  # there may be no stack yet
            return
        unwritten: OSError | None = None
        for i, state in zip(under_way, module.stack.states(under_way), strict=True):
            try:
                write(module.slots[i], state, module.stack.done[i], named(trainer))
            except OSError as error:
                unwritten = unwritten or error
        if unwritten and not self._told:  # not again and again, while that lasts
            log.warning(
                "%s: can't be written (%s); training goes on without checkpoints until there is "
                "room or leave to",
                unwritten.filename,
                unwritten.strerror,
            )
        self._told = unwritten is not None


def named(trainer: Trainer) -> dict[str, MemberCallback]:
    """The callbacks that look at members by name: their class, and a number from the second on.

    So a run goes on where others were added or taken away.
    """
    found: dict[str, MemberCallback] = {}
    for callback in member_callbacks(trainer):
        name = type(callback).__name__
        same = sum(type(other) is type(callback) for other in found.values())
        found[f"{name} {same + 1}" if same else name] = callback
    return found


def write(
    slot: Slot, state: dict[str, Any], done: int, callbacks: dict[str, MemberCallback]
) -> None:
    """Leave the checkpoint of the member in `slot`, whole or not at all."""
    assert slot.member is not None
    folder = slot.member.folder
    memories = {name: c.memory[folder] for name, c in callbacks.items() if folder in c.memory}
    for name, memory in list(memories.items()):
        if (other := foreign(memory)) is not None:
            tell_once(name, type(other).__name__)
            del memories[name]
    content = {
        "version": VERSION,
        "config": slot.member.config,
        "state": state,
        "done": done,
        "memories": memories,
    }
    save(content, folder / CHECKPOINT)


def save(content: dict[str, Any], path: Path) -> None:
    """Write a checkpoint: a line with the checksum of what follows."""
    packed = io.BytesIO()
    torch.save(content, packed)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(damage.of_bytes(packed.getbuffer()).encode() + b"\n")
        file.write(packed.getbuffer())


def foreign(memory: Any) -> Any:
    """Something in a memory that a checkpoint couldn't give back; None where there is nothing."""
    if isinstance(memory, dict):
        memory = [*memory.keys(), *memory.values()]
    if isinstance(memory, list | tuple):
        return next((other for part in memory if (other := foreign(part)) is not None), None)
    known = memory is None or type(memory) in (bool, int, float, str, torch.Tensor)
    return None if known else memory


@functools.cache
def tell_once(callback: str, kind: str) -> None:
    """Warn that a callback's memory doesn't go into checkpoints."""
    log.warning(
        "%s remembers a %s, which checkpoints can't hold, so a run that goes on from one goes on "
        "without its memory; let it remember numbers, texts and tensors in lists and dictionaries",
        callback,
        kind,
    )


def load(folder: Path) -> dict[str, Any] | None:
    """The checkpoint in `folder`; None where there is none, or it is damaged or of before.

    Raises:
        UserError: it can't be read now, or is of a newer version.
    """
    path = folder / CHECKPOINT
    try:
        checksum, _, packed = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(
            f"{path}: can't be read ({error.strerror}); when it can, the same command goes on"
        ) from error
    try:
        if checksum.decode() != damage.of_bytes(packed):
            raise ValueError("damaged, or of an earlier version of grok")
        saved: dict[str, Any] = torch.load(
            io.BytesIO(packed), map_location="cpu", weights_only=True
        )
    except Exception as error:  # whatever a damaged file may raise
        if isinstance(error, MemoryError) or "allocate memory" in str(error):
            raise
        log.warning("%s: unreadable (%s); its member starts again", path, first_line(error))
        return None
    version = saved.get("version") if isinstance(saved, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise UserError(
            f"{path}: version {version} of a checkpoint, where this is {VERSION}; update grok, or "
            "delete it to start again"
        )
    if version != VERSION:
        log.warning("%s: of another version of grok; its member starts again", path)
        return None
    return saved
