"""The LightningModule: a stack in the trainer's hands, with members that come and go."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import torch
from lightning import LightningModule

from grok.engine import retaken
from grok.engine.member import Drawn, Member
from grok.engine.memory import Room
from grok.engine.observer import Taken
from grok.engine.shared import Own
from grok.engine.sizes import fitting, pays
from grok.engine.slots import Rows, Slot
from grok.engine.stack import Stack
from grok.engine.step import State
from grok.engine.waiting import Ready, Waiting
from grok.measures import Measure
from grok.schema import Engine

Metrics = dict[str, torch.Tensor]
STEPS = {"cpu": 200, "cuda": 1000}  # in a call: on a GPU many take as long as what is done after
SECONDS = 20.0  # that a call may take: checkpoints and interrupts wait for its end
PAUSE = 1.0  # seconds between looks for a member, where none is left in the stack


class StackModule(LightningModule):
    """Trains members in a stack.

    A ``training_step`` takes many optimizer steps; `slots` then hold each member's rows for the
    callbacks, of which one sets ``rows.stop_reason``. A slot whose member has ended goes to the
    next waiting one; when none waits, the stack shrinks where that pays. A member for whose data a
    GPU has no room waits, at the latest until the others have ended.

    Args:
        members: of one task, shape and precision, in the order in which they are to start. None
            where the next isn't known yet: the slot is asked for again after the next steps.
        engine: how the arithmetic runs.
        dtype: of parameters and data.
        size: number of slots, at most as many as a GPU's memory holds; one on the plain path.
            On a GPU whole blocks, so up to a block more; see `grok.engine.sizes`.
        measures: what to measure besides `grok.engine.step.METRICS`, by name.
        revisiting: whether callbacks will ask for `revisited`.
        sharing: processes that share the GPU's memory, this one among them.
        failed: told of each member that ends with an exception; the others go on. Without it the
            exception goes on.
    """

    def __init__(
        self,
        members: Iterable[Member | None],
        engine: Engine,
        dtype: torch.dtype = torch.float32,
        size: int = 1,
        measures: Mapping[str, Measure] | None = None,
        revisiting: bool = False,
        sharing: int = 1,
        failed: Callable[[Member, Exception], None] | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self._waiting = Waiting(members, dtype, self._tell)
        self._engine, self._sharing = engine, sharing
        self._most = self._size = size  # of any stack, and of this one
        self._room: Room | None = None
        self._measures, self._revisiting, self._failed = measures, revisiting, failed
        self.stack: Stack
        self.slots: list[Slot] = []
        self._before: tuple[State, list[int]] | None = None  # what the newest rows began with
        self._idled = 0  # steps that empty slots have taken since the stack shrank
        self._affordable: float = math.inf  # steps in as many seconds as a call may take

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """None for Lightning: the optimizer is part of the step, per member and per group."""
        return []

    def train_dataloader(self) -> Iterable[int]:
        """An endless count: members hold their data, and end when their phase is known."""
        return itertools.count()

    def on_fit_start(self) -> None:
        """Seat the first members on the trainer's device."""
        self._begin()

    def _begin(self) -> None:
        """Seat the next members in a new stack, as many as there is room for."""
        head = self._waiting.next_ready()
        if head is None:
            return
        self.close()  # a stack before, whose memory is needed
        task = head[0].task
        plain = self._engine.plain or not task.STACKABLE
        self._size = 1 if plain else self._most
        if self._size > 1 and self._room is None:
            self._room = self._measured(*head)
        first, own = [head], Own([head[1].given])
        while len(first) < self._fitting(self._size):
            ready = self._next_ready(len(first), lambda: own)
            if ready is None:
                break
            first.append(ready)
            own.add(ready[1].given)
        if self._room is not None:
            self._size = min(self._size, self._room.slots(own.bytes))
        slots = self._fitting(self._size if self._waiting.unknown else len(first))
        drawn = [first[min(slot, len(first) - 1)][1] for slot in range(slots)]
        self.stack = Stack(task, drawn, self.device, self._engine.compile, plain, self._measures)
        self.slots = [Slot(member=None) for _ in range(slots)]
        for slot, (member, _) in enumerate(first):
            self._seat(slot, member)

    def close(self) -> None:
        """Free the memory of the stack, if there is one."""
        self.__dict__.pop("stack", None)
        self.slots, self._before, self._idled = [], None, 0

    def _measured(self, member: Member, drawn: Drawn) -> Room | None:
        """What a GPU has room for; None of a CPU."""
        if self.device.type != "cuda":
            return None
        copies = 2 if self._revisiting else 0  # to go back to, and of now meanwhile
        return Room(member.task, drawn, self.device, self._sharing, copies, self._steps)

    def _next_ready(self, others: int, own: Callable[[], Own]) -> Ready | None:
        """The next waiting member; None where none is there, or there is no room for it yet.

        Args:
            others: members in other slots.
            own: tells what is their own.
        """
        ready = self._waiting.next_ready()
        if ready is None or self._room is None:
            return ready
        if self._room.slots(own().beside(ready[1].given)) > others:
            return ready
        self._waiting.put_back(ready)
        return None

    def _seat(self, slot: int, member: Member) -> None:
        """Let the member whose draws are in a slot of the stack begin."""
        self.slots[slot] = Slot(member, self.stack.norm(slot))
        with self.only(slot):
            self.slots[slot].initially = self.stack.observer.initially(slot)

    def _tell(self, member: Member, error: Exception) -> None:
        if self._failed is None:
            raise error
        self._failed(member, error)

    def fail(self, slot: int, error: Exception) -> None:
        """End the member in `slot` with an exception; nothing else changes."""
        member = self.slots[slot].member
        self.slots[slot] = Slot(member=None)
        if member is not None:
            self._tell(member, error)

    @contextlib.contextmanager
    def only(self, slot: int) -> Iterator[None]:
        """Whatever raises an exception in this block ends the member in `slot`, and no other."""
        try:
            yield
        except Exception as error:
            self.fail(slot, error)

    @property
    def _steps(self) -> int:
        most = min(STEPS[self.device.type], self._affordable)
        return self._engine.steps_per_call or max(1, int(most))

    def _fitting(self, members: int) -> int:
        return fitting(members, self._size, self.device)

    def training_step(self, batch: int, batch_idx: int) -> None:
        """Take a call's optimizer steps, or what budgets leave, and give each slot its rows."""
        if not self._occupied():
            return
        steps, began = min(self._steps, self._budget_left()), time.perf_counter()
        before, metrics, taken = self._advanced(self.stack.whole_epochs(steps))
        self._affordable = steps * SECONDS / max(time.perf_counter() - began, 1e-9)
        empty = sum(slot.member is None for slot in self.slots)
        self._idled += empty * (self.stack.done[0] - before[0])
        norms, by_slot = self.stack.state.norm.tolist(), defaultdict(list)
        for each in taken:
            by_slot[each.slot].append(each)
        for i, slot in enumerate(self.slots):
            slot.rows = None
            if slot.member is None:
                continue
            slot.rows = Rows(
                first_step=before[i] + 1,
                metrics={name: values[:, i].numpy() for name, values in metrics.items()},
                initial_norm=slot.initial_norm,
                held_norm=norms[i] if slot.member.constrain else None,
                taken=by_slot[i],
            )
            if before[i] == 0:
                slot.rows.taken = [*slot.initially, *slot.rows.taken]

    def _budget_left(self) -> int:
        """The most steps that a member may take yet, at least 1."""
        slots = zip(self.slots, self.stack.done, strict=True)
        return max([1, *(each.member.phase.budget - done for each, done in slots if each.member)])

    def revisited(self, wanted: Mapping[int, Collection[int]]) -> dict[tuple[int, int], Metrics]:
        """The weights at some steps of the newest rows; see `retaken.revisited`."""
        if not wanted:
            return {}
        assert self._before is not None
        return retaken.revisited(self.stack, *self._before, wanted)

    def _advanced(self, steps: int) -> tuple[list[int], Metrics, list[Taken]]:
        """Steps done before, and what `Stack.advance` gives once those who can't have left."""
        # on a GPU a step that fails can't be repeated, and there is no memory to spare
        repeatable = len(self.slots) > 1 and self.device.type == "cpu"
        self._before = None  # before memory is taken for another
        kept = self.stack.copied() if repeatable or self._revisiting else None
        done = self.stack.done
        self._before = None if kept is None else (kept, done)
        try:
            empty = {i for i, slot in enumerate(self.slots) if slot.member is None}
            return done, *self.stack.advance(steps, empty)
        except Exception as error:
            if len(self.slots) == 1:
                self.fail(0, error)
                return done, {}, []
            if kept is None or not repeatable:
                raise
            self.stack.go_back(kept, done)
            failures = retaken.failures(self.stack, steps)
            if not failures:
                raise
        for i, reason in failures.items():
            self.fail(i, reason)
        sound = [i for i in range(len(self.slots)) if i not in failures]
        if not sound:
            return done, {}, []
        for i in failures:
            self.stack.fill(i, sound[0])
        return self._advanced(steps)

    def on_train_batch_end(self, outputs: Any, batch: int, batch_idx: int) -> None:
        """Hand on the slots of members that ended; shrink when none waits, stop when all ended."""
        for i, slot in enumerate(self.slots):
            if slot.rows is not None and slot.rows.stop_reason is not None:
                self.slots[i] = Slot(member=None)
        self._fill()
        while not self._occupied() and not self._waiting.over:
            if self._waiting.unknown:
                time.sleep(PAUSE)
            if self._waiting.unknown and self.slots:
                self._fill()
            else:  # the first, or who had no room beside those in the stack
                self._begin()
        occupied = self._occupied()
        if not occupied:
            self.trainer.should_stop = True
        elif not self._waiting.unknown and self._pays(len(occupied)):
            self._shrink(occupied)

    def _occupied(self) -> list[int]:
        return [i for i, slot in enumerate(self.slots) if slot.member is not None]

    def _fill(self) -> None:
        """Seat waiting members in the empty slots."""
        for i in range(len(self.slots)):
            while self.slots[i].member is None:
                others = [drawn.given for j, drawn in enumerate(self.stack.drawn) if j != i]
                ready = self._next_ready(len(others), functools.partial(Own, others))
                if ready is None:
                    return
                member, drawn = ready
                self.stack.put(i, drawn)
                self._seat(i, member)

    def _pays(self, members: int) -> bool:
        """Whether to go on with a smaller stack."""
        size = self._fitting(members)
        if self.stack.leaves_out_empty or size == len(self.slots):
            return False
        numbers = 4 * sum(param[0].numel() for param in self.stack.state.params.values())
        return not self.stack.compiled or pays(size, self._idled * numbers, self.device)

    def _shrink(self, occupied: list[int]) -> None:
        """Go on with the smallest stack that holds the occupied slots."""
        self._idled = 0
        empty = [i for i in range(len(self.slots)) if i not in occupied]
        kept = (occupied + empty)[: self._fitting(len(occupied))]
        self.stack.keep(kept)
        self.slots = [self.slots[i] for i in kept]
