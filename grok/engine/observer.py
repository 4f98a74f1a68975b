"""What is measured of a stack's members at some of their steps: measures, and validation."""

from __future__ import annotations

import bisect
import logging
import weakref
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.func import vmap
from torch.utils import _pytree as pytree

from grok.engine.step import METRICS, Given, Tensors, judge
from grok.errors import first_line
from grok.measures import Measure, Snapshot
from grok.tasks import Batch, samples
from grok.tasks.model import forward

if TYPE_CHECKING:
    from grok.engine.stack import Stack

VALIDATION = ""
"""Among the names of measures: validation, of members that have a schedule for it."""
WAITING = 2**26
"""Bytes of what was measured, from which on it goes to the CPU."""
LEAST = 512
"""Bytes that a tensor takes on a GPU, be it a number."""
CPU_SAMPLES = 1000
"""Validated at a time on a CPU, whose cache holds what the layers make of them."""

log = logging.getLogger(__name__)

Observed = Callable[[Tensors, Given, Tensors], dict[str, Tensor]]
"""Of a member's parameters, what it is given, and its initial parameters."""
Outcome = tuple[dict[str, Tensor], Exception | None]
"""Values of a measure, or what it has raised."""


class Taken(NamedTuple):
    """What a measure gave of the member in `slot` after its so many-th step.

    With an `error` instead of values where it raised one, which counts only if the member comes to
    that step: one that has diverged doesn't.
    """

    measure: str
    slot: int
    step: int
    values: dict[str, Tensor]
    error: Exception | None = None


class Observer:
    """Takes measures of the members of a stack as they are at the moment.

    Args:
        stack: whose.
        measures: by name.
    """

    def __init__(self, stack: Stack, measures: Mapping[str, Measure]) -> None:
        self.measures = measures
        self._stack = weakref.proxy(stack)  # whose memory is free once nobody else holds it
        self._unmapped: set[str] = set()  # measures that are taken of one member after the other

    def due(
        self, steps: int, empty: Collection[int] = ()
    ) -> dict[int, list[tuple[str, list[int]]]]:
        """Which measures are to be taken of which slots after which of the next steps, from 0.

        Args:
            empty: slots that nobody has, of which nothing is measured.
        """
        found: dict[int, dict[str, list[int]]] = {}

        def add(name: str, slot: int, step: int) -> None:
            found.setdefault(step, {}).setdefault(name, []).append(slot)

        members = zip(self._stack.drawn, self._stack.done, strict=True)
        for slot, (drawn, done) in enumerate(members):
            if slot in empty:
                continue
            if drawn.evaluations is not None:
                first = bisect.bisect_right(drawn.evaluations, done)
                end = bisect.bisect_right(drawn.evaluations, done + steps)
                for step in drawn.evaluations[first:end]:
                    add(VALIDATION, slot, step - done - 1)
            for name, measure in self.measures.items():
                for step in measure.due(done, steps, drawn.budget):
                    add(name, slot, step - done - 1)
        return {step: list(by_name.items()) for step, by_name in found.items()}

    def initially(self, slot: int) -> list[Taken]:
        """What the measures due at step 0 give of a member that is about to start, on the CPU."""
        first = [name for name, measure in self.measures.items() if measure.every is not None]
        return on_cpu([taken for name in first for taken in self.take(name, [slot], 0)])

    def take(self, name: str, slots: list[int], later: int) -> list[Taken]:
        """A measure of each of `slots`, so many steps after the stack's `done`."""
        at_once = self._mapped and name not in self._unmapped
        with torch.no_grad():
            found = self._at_once(name, slots) if at_once else self._one_by_one(name, slots)
        return [
            Taken(name, slot, self._stack.done[slot] + later, *each)
            for slot, each in zip(slots, found, strict=True)
        ]

    @property
    def _mapped(self) -> bool:
        """Whether many members are measured in as many calls as one: a GPU needs it."""
        return self._stack.device.type != "cpu" and not self._stack.plain

    def _function(self, name: str) -> Observed:
        if name == VALIDATION:
            return self._validation
        task, model = self._stack.kind.task, self._stack.model

        def function(params: Tensors, given: Given, initial: Tensors) -> dict[str, Tensor]:
            def call(params: Tensors, batch: Batch) -> Tensor:
                return forward(model, params, given.constants, batch)

            train, val = given.train | given.fixed, given.val | given.fixed
            snapshot = Snapshot(task, params, given.constants, initial, train, val, call)
            return dict(self.measures[name].take(snapshot))

        return function

    def _validation(self, params: Tensors, given: Given, _initial: Tensors) -> dict[str, Tensor]:
        """Loss on a member's validation data and number of right samples, double precision."""
        count, stack = samples(given.val), self._stack
        at_a_time = CPU_SAMPLES if stack.device.type == "cpu" else count
        parts = []
        for first in range(0, count, at_a_time):
            part = pytree.tree_map(lambda t: t[first : first + at_a_time], given.val)  # noqa: B023
            parts.append(forward(stack.model, params, given.constants, part | given.fixed))
        loss, right = judge(stack.kind.task, torch.cat(parts), given.val | given.fixed)
        return {"loss": loss.double(), "right": right.double()}

    def enter(self, metrics: Tensor, validated: list[Taken]) -> None:
        """Turn counts into accuracies; on a schedule, train metrics are those of the epoch so far.

        Args:
            metrics: of every step and slot, with counts for accuracies, shape (steps, K, 5).
            validated: losses and counts of the validations in these steps.
        """
        first, held_out = self._stack.drawn[0], samples(self._stack.drawn[0].given.val)
        trained = first.step_sizes(len(metrics)).double()[:, None]
        train, val = (metrics[..., METRICS.index(f"{part}_accuracy")] for part in ("train", "val"))
        if first.evaluations is None:
            train /= trained
            val /= held_out
            return
        loss = metrics[..., METRICS.index("train_loss")]
        share = trained / trained[0]
        loss.copy_(self._of_epoch(loss * share) / self._of_epoch(share))
        right = self._of_epoch(train) / self._of_epoch(trained)
        train.fill_(torch.nan)
        for taken in validated:
            slot, i = taken.slot, taken.step - self._stack.done[taken.slot] - 1
            train[i, slot] = right[i, slot]
            metrics[i, slot, METRICS.index("val_loss")] = taken.values["loss"]
            val[i, slot] = taken.values["right"] / held_out

    def _of_epoch(self, values: Tensor) -> Tensor:
        """The sums over the epoch so far of what there is of each step, shape (steps, ...)."""
        epoch = self._stack.whole_epochs(1)
        return values.reshape(-1, epoch, values.shape[1]).cumsum(1).flatten(0, 1)

    def _one_by_one(self, name: str, slots: list[int]) -> list[Outcome]:
        """What is measured of each slot, or what is raised; of a member whoever else there is."""
        function, found = self._function(name), list[Outcome]()
        for slot in slots:
            try:
                values = function(*self._stack.member(slot))
                # a view would change with the next step
                found.append(({key: value.clone() for key, value in values.items()}, None))
            except Exception as error:
                if name == VALIDATION:
                    raise
                found.append(({}, error))
        return found

    def _at_once(self, name: str, slots: list[int]) -> list[Outcome]:
        """The same in as many calls as for one slot, where that can be."""
        members, in_dims = self._stack.members(slots, with_initial=name != VALIDATION)
        try:
            values: dict[str, Tensor] = vmap(self._function(name), in_dims)(*members)
        except torch.OutOfMemoryError:
            return self._one_by_one(name, slots)
        except Exception as error:  # whatever torch.func has against it
            found = self._one_by_one(name, slots)
            if all(raised is None for _, raised in found):
                self._unmapped.add(name)
                log.warning(
                    "%s: torch.func can't map it over members (%s); it is taken of one after the "
                    "other, which takes longer",
                    f"measures.{name}" if name else "validation",
                    first_line(error),
                )
            return found
        each = {key: v.unbind() for key, v in values.items()}
        return [({key: v[i] for key, v in each.items()}, None) for i in range(len(slots))]


class Collected:
    """What measures gave, which goes to the CPU in pieces: a GPU has to hold what waits."""

    def __init__(self) -> None:
        self._bytes = 0
        self._waiting: list[Taken] = []
        self._there: list[Taken] = []

    def add(self, taken: list[Taken]) -> None:
        """What has been taken since."""
        self._waiting += taken
        values = (value for each in taken for value in each.values.values())
        self._bytes += sum(max(value.nbytes, LEAST) for value in values)
        if self._bytes > WAITING:
            self.there()

    def there(self) -> list[Taken]:
        """All of it, on the CPU, in its order."""
        self._there += on_cpu(self._waiting)
        self._waiting, self._bytes = [], 0
        return self._there


def on_cpu(taken: list[Taken]) -> list[Taken]:
    """The same, on the CPU, each with tensors of its own.

    From a GPU, those of a shape come in one transfer. A view would keep what all others gave, and
    take it along to the disk.
    """
    leaves, structure = pytree.tree_flatten(taken)
    alike: dict[tuple[torch.Size, torch.dtype], list[int]] = {}
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, Tensor) and leaf.device.type != "cpu":
            alike.setdefault((leaf.shape, leaf.dtype), []).append(i)
    for places in alike.values():
        moved = torch.stack([leaves[i] for i in places]).cpu()
        for i, tensor in zip(places, moved, strict=True):
            leaves[i] = tensor
    own = [leaf.clone() if isinstance(leaf, Tensor) else leaf for leaf in leaves]
    there: list[Taken] = pytree.tree_unflatten(own, structure)
    return there
