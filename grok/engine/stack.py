"""K members' tensors with a leading member dimension, and the slots they sit in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.func import vmap
from torch.utils import _pytree as pytree

from grok.engine.compiled import StackStep, stack_step
from grok.engine.member import Drawn, departure, shapes
from grok.engine.plain import PlainStep
from grok.engine.replay import Replay
from grok.engine.shared import Common, Shared, alike, dimensions, flags, gathered, held, of_slot
from grok.engine.step import METRICS, Given, State, Tensors, forward, judge, weight_norm
from grok.engine.tensors import copy_into, in_slot, stacked
from grok.measures import Measure, Snapshot
from grok.optim import Hyper
from grok.optim.optimizer import table
from grok.tasks import Batch, Task, samples

CPU_SAMPLES = 1000
"""Validated at a time on a CPU, whose cache holds what the layers make of them."""


class Taken(NamedTuple):
    """What a measure gave of the member in `slot` after its so many-th step; on the CPU."""

    measure: str
    slot: int
    step: int
    values: dict[str, Tensor]


class Stack:
    """A fixed number of slots; whoever sits in one trains independently of the others.

    Args:
        task: what all members learn; shapes are the same for all.
        drawn: what the member in each slot starts from.
        device: where to train.
        compiled: whether to compile the step.
        plain: take a plain, eager step instead; for a single slot.
        measures: what to measure besides `METRICS`, by name.

    Attributes:
        state, hyper: tensors of shape (K, ...), updated in place.
        given: likewise; but what is the same in all slots is there once, and never written to.
        done: optimizer steps that the member in each slot has taken.
        common: what all slots have in common at present.
    """

    def __init__(
        self,
        task: Task,
        drawn: Sequence[Drawn],
        device: torch.device,
        compiled: bool,
        plain: bool = False,
        measures: Mapping[str, Measure] | None = None,
    ) -> None:
        self.state: State
        self.hyper: Hyper
        self.given: Given
        self._device, self._compile, self._plain = device, compiled, plain
        self._kind, self._measures = drawn[0].kind(task), measures or {}
        self._drawn: list[Drawn] = []
        for each in drawn:
            self._drawn.append(self._like_others(each))
        hypers = [each.opt.hyper() for each in drawn]
        self.state, self.hyper = stacked(
            list(zip([each.state for each in drawn], hypers, strict=True)), device
        )
        self.done = [0] * len(drawn)
        self._step: StackStep | Replay | PlainStep
        self._variant: tuple[int, Common] | None = None  # which `_step` is
        self._load()
        self._use_step()

    def _like_others(self, drawn: Drawn) -> Drawn:
        return drawn._replace(given=alike(drawn.given, [other.given for other in self._drawn]))

    def _load(self) -> None:
        """Put on the device what members are given, each tensor once if all have the same."""
        self.given, self._shared = held([drawn.given for drawn in self._drawn], self._device)
        first, parts = self._drawn[0], flags(self.given, self._shared)
        self._train_shared: Shared = tuple(pytree.tree_leaves(parts.train))
        # what a step takes: minibatches are gathered before it, some validate on a schedule
        self._argument = self.given
        if first.batches is not None:
            self._argument, parts = (tree._replace(train={}) for tree in (self._argument, parts))
        if first.evaluations is not None:
            self._argument, parts = (tree._replace(val={}) for tree in (self._argument, parts))
        self._argument_shared: Shared = tuple(pytree.tree_leaves(parts))
        self._variant = None  # a captured step holds on to the tensors before

    def _use_step(self) -> None:
        """Take the step for this size and what the slots share, captured anew if that changed."""
        in_minibatches, one_order = self._drawn[0].batches is not None, self._one_order()
        batch = tuple(one and one_order for one in self._train_shared if in_minibatches)
        self.common = Common(batch, self._argument_shared)
        variant = (len(self.done), self.common)
        if self._plain:  # it holds on to its member
            constants, opt = self.given.constants, self._drawn[0].opt
            self._step = PlainStep(self._kind, opt, self.state, constants, self.done[0])
        elif variant != self._variant:
            step = stack_step(
                self._kind,
                size=variant[0],
                compiled=self._compile,
                common=self.common,
                tensors=(self.state.norm.dtype, self._device.type),
            )
            self._step = _captured(step, self._device)
            self._variant = variant

    def _one_order(self) -> bool:
        """Whether all slots take the same samples in each of the next steps."""
        seeds = [drawn.batches.seeds for drawn in self._drawn if drawn.batches is not None]
        return len(set(self.done)) == 1 and all(torch.equal(seeds[0], other) for other in seeds)

    @property
    def compiled(self) -> bool:
        """Whether the step runs compiled."""
        return self._step.compiled

    def put(self, slot: int, drawn: Drawn) -> None:
        """Start a member from its draws in `slot`; the other slots go on untouched."""
        copy_into(in_place((self.state, self.hyper), slot), (drawn.state, drawn.opt.hyper()))
        before = self._drawn[slot].given
        drawn = self._like_others(drawn)
        self._drawn[slot], self.done[slot] = drawn, 0
        leaves = [pytree.tree_leaves(tree) for tree in (self.given, drawn.given, before)]
        parts = list(zip(*leaves, self._shared, strict=True))
        if any(shared and new is not old for _, new, old, shared in parts):
            self._load()
        else:
            for held_here, new, _, shared in parts:
                if not shared:
                    held_here[slot].copy_(new)
        self._use_step()

    def states(self, slots: Sequence[int]) -> list[dict[str, Any]]:
        """Copies on the CPU of the state in each of `slots`, as plain dictionaries."""
        on_cpu = pytree.tree_map(lambda tensor: tensor.cpu(), self.state._asdict())
        return [in_slot(on_cpu, slot) for slot in slots]

    def restore(self, slot: int, state: dict[str, Any], done: int) -> None:
        """Give `slot` a state of `states`, after `done` steps; hyperparameters and data stay.

        Raises:
            ValueError: the state is that of another network or optimizer.
        """
        mine = in_place(self.state, slot)
        if other := departure(shapes(mine._asdict()), shapes(state)):
            raise ValueError(other)
        copy_into(mine, State(**{name: state[name] for name in State._fields}))
        self.done[slot] = done
        self._use_step()

    def keep(self, slots: Sequence[int]) -> None:
        """Become a stack of these slots, in this order."""
        mine = (self.state, self.hyper)
        self.state, self.hyper = pytree.tree_map(lambda t: t[list(slots)], mine)
        self._drawn = [self._drawn[slot] for slot in slots]
        self.done = [self.done[slot] for slot in slots]
        self._load()
        self._use_step()

    def copied(self) -> State:
        """A copy of the state to `go_back` to."""
        copy: State = pytree.tree_map(torch.clone, self.state)
        return copy

    def go_back(self, copy: State, done: list[int]) -> None:
        """Be as when `copy` was made, after `done` steps in each slot."""
        copy_into(self.state, copy)
        self.done = done
        self._use_step()

    def failures(self, steps: int) -> dict[int, Exception]:
        """The slots that can't take the next steps, tried one by one and uncompiled, and why."""
        found: dict[int, Exception] = {}
        for slot, state in enumerate(self.states(range(len(self.done)))):
            drawn = self._drawn[slot]
            alone = Stack(self._kind.task, [drawn], self._device, False, measures=self._measures)
            alone.restore(0, state, self.done[slot])
            try:
                alone.advance(steps)
            except Exception as error:
                found[slot] = error
        return found

    def fill(self, slot: int, other: int) -> None:
        """Put into `slot`, which nobody has, a copy of the member in another."""
        (state,) = self.states([other])
        self.put(slot, self._drawn[other])
        self.restore(slot, state, self.done[other])

    def norm(self, slot: int) -> float:
        """L2 norm of all parameters in `slot`."""
        return weight_norm({name: p[slot] for name, p in self.state.params.items()}).item()

    def whole_epochs(self, steps: int) -> int:
        """`steps`, or as many more as whole epochs take."""
        batches = self._drawn[0].batches
        return steps if batches is None else -(-steps // batches.per_epoch) * batches.per_epoch

    def advance(self, steps: int) -> tuple[dict[str, Tensor], list[Taken]]:
        """Train every slot for `steps` optimizer steps, whole epochs, without waiting for them.

        Returns:
            Metrics by name, shape (steps, K), nan where they weren't measured, and what the
            measures gave, in the order of the steps; on the CPU.
        """
        validated: list[tuple[int, list[int], Tensor]] = []
        taken: list[Taken] = []
        due, evaluations = self._due(steps), self._evaluations(steps)

        def after(i: int) -> None:
            if slots := evaluations.get(i):
                validated.append((i, slots, self._each(self._validation, slots)))
            for name, slots in due.get(i, ()):
                taken.extend(self._take(name, slots, i + 1))

        metrics = self._stepped(steps, steps, after)
        self.done = [before + steps for before in self.done]
        self._enter(metrics, validated)
        by_name = dict(zip(METRICS, metrics.unbind(-1), strict=True))
        return by_name, pytree.tree_map_only(Tensor, Tensor.cpu, taken)

    def _stepped(self, steps: int, last: int, after: Callable[[int], None]) -> Tensor:
        """Take the first `last` of the next `steps`, calling `after` each with its number, from 0.

        Returns what they measure, with counts for accuracies, shape (last, K, 5), on the CPU.
        """
        metrics: list[Tensor] = []
        coefficients, rows = self._coefficients(steps), self._rows(steps)
        for i in range(last):
            batch = self._batch(rows, i)
            metrics.append(self._step(self.state, coefficients[i], batch, self._argument))
            after(i)
        return torch.stack(metrics).cpu() if metrics else torch.empty(0)

    def revisited(
        self, copy: State, done: list[int], wanted: Mapping[int, Collection[int]]
    ) -> dict[tuple[int, int], Tensors]:
        """Parameters and constants of members at steps that they have left behind.

        Takes the steps again, so that those between cost nothing where nobody asks. The stack is
        afterwards as it was.

        Args:
            copy: of the state that the last `advance` began with.
            done: in each slot by then.
            wanted: slots to steps since then, or that one.

        Returns:
            Slot and step to tensors by name, on the CPU.
        """
        found: dict[tuple[int, int], Tensors] = {}
        now, steps = (self.copied(), self.done), self.done[0] - done[0]

        def after(i: int) -> None:
            for slot, asked in wanted.items():
                if (step := done[slot] + i + 1) in asked:
                    found[slot, step] = self.weights(slot)

        self.go_back(copy, done)
        after(-1)
        last = max(step - done[slot] for slot, asked in wanted.items() for step in asked)
        self._stepped(steps, last, after)
        self.go_back(*now)
        return found

    def weights(self, slot: int) -> Tensors:
        """Copies on the CPU of the parameters and constants of the member in `slot`."""
        params, given, _ = self._member(slot)
        return {name: t.to("cpu", copy=True) for name, t in (params | given.constants).items()}

    def _coefficients(self, steps: int) -> Tensor:
        """The optimizer's, of each of the next steps; they count as taken."""
        factors = [
            drawn.opt.lr_factors(before, steps)
            for drawn, before in zip(self._drawn, self.done, strict=True)
        ]
        by_step = torch.tensor(factors, dtype=torch.float64, device=self._device).T[..., None]
        coefficients, powers = table(
            self._drawn[0].opt, self.hyper, self.state.powers, by_step, self.state.norm.dtype
        )
        self.state.powers.copy_(powers)
        return coefficients

    def _rows(self, steps: int) -> Tensor | None:
        """For each step the samples in every slot's minibatch, shape (steps, K, size).

        Without K where all slots take the same; None where they take all samples.
        """
        one_order = self._one_order()
        of_slots = [
            drawn.batches.rows(before, steps // drawn.batches.per_epoch)
            for drawn, before in zip(
                self._drawn[: 1 if one_order else None], self.done, strict=False
            )
            if drawn.batches is not None
        ]
        if not of_slots:
            return None
        return (of_slots[0] if one_order else torch.stack(of_slots, 1)).to(self._device)

    def _batch(self, rows: Tensor | None, i: int) -> Batch:
        """Every slot's samples for step `i` of `rows`; empty where that is all of them."""
        return {} if rows is None else gathered(self.given.train, self._train_shared, rows[i])

    def _evaluations(self, steps: int) -> dict[int, list[int]]:
        """Which slots are to be validated after which of the next steps, counted from 0."""
        due: dict[int, list[int]] = {}
        for slot, (drawn, before) in enumerate(zip(self._drawn, self.done, strict=True)):
            for step in drawn.evaluations or ():
                if before < step <= before + steps:
                    due.setdefault(step - before - 1, []).append(slot)
        return due

    def _due(self, steps: int) -> dict[int, list[tuple[str, list[int]]]]:
        """Which measures are to be taken of which slots after which of the next steps, from 0."""
        due: dict[int, dict[str, list[int]]] = {}
        for name, measure in self._measures.items():
            for slot, (drawn, before) in enumerate(zip(self._drawn, self.done, strict=True)):
                for step in measure.due(before, steps, drawn.budget):
                    due.setdefault(step - before - 1, {}).setdefault(name, []).append(slot)
        return {i: list(by_name.items()) for i, by_name in due.items()}

    def initially(self, slot: int) -> list[Taken]:
        """What the measures due at step 0 give of the member in `slot`, which is about to start."""
        first = [name for name, measure in self._measures.items() if measure.every is not None]
        taken = [each for name in first for each in self._take(name, [slot], 0)]
        on_cpu: list[Taken] = pytree.tree_map_only(Tensor, Tensor.cpu, taken)
        return on_cpu

    def _take(self, name: str, slots: list[int], later: int) -> list[Taken]:
        """A measure of each of `slots`, so many steps after `done`."""
        values = self._each(lambda *member: self._measured(name, *member), slots)
        return [
            Taken(name, slot, self.done[slot] + later, {key: v[i] for key, v in values.items()})
            for i, slot in enumerate(slots)
        ]

    def _measured(
        self, name: str, params: Tensors, given: Given, initial: Tensors
    ) -> dict[str, Any]:
        def call(params: Tensors, batch: Batch) -> Tensor:
            return forward(self._step.model, params, given.constants, batch)

        train, val = given.train | given.fixed, given.val | given.fixed
        task, constants = self._kind.task, given.constants
        snapshot = Snapshot(task, params, constants, initial, train, val, call)
        return dict(self._measures[name].take(snapshot))

    def _each(self, function: Callable[[Tensors, Given, Tensors], Any], slots: list[int]) -> Any:
        """A function of the parameters, what is given and the initial parameters of each slot.

        One after the other on a CPU, so that what is measured of a member doesn't depend on who
        else is, and all at once on a GPU. Returns what it returns, stacked.
        """
        with torch.no_grad():
            if self._device.type == "cpu" or self._plain:
                each = [function(*self._member(slot)) for slot in slots]
                return pytree.tree_map(lambda *values: torch.stack(values), *each)
            picked = torch.tensor(slots, device=self._device)
            params = {name: param[picked] for name, param in self.state.params.items()}
            leaves = zip(pytree.tree_leaves(self.given), self._shared, strict=True)
            chosen = [leaf if one else leaf[picked] for leaf, one in leaves]
            given = pytree.tree_unflatten(chosen, pytree.tree_structure(self.given))
            initial = stacked([self._drawn[slot].state.params for slot in slots], self._device)
            in_dims = (0, dimensions(self.given, self._shared), 0)
            return vmap(function, in_dims)(params, given, initial)

    def _member(self, slot: int) -> tuple[Tensors, Given, Tensors]:
        params = {name: param[slot] for name, param in self.state.params.items()}
        initial = self._drawn[slot].state.params
        on_device = {name: param.to(self._device) for name, param in initial.items()}
        return params, of_slot(self.given, self._shared, slot), on_device

    def _validation(self, params: Tensors, given: Given, _initial: Tensors) -> Tensor:
        """A member's validation loss and number of right samples, double precision, shape (2,)."""
        count, val = samples(given.val), given.val | given.fixed
        at_a_time = CPU_SAMPLES if self._device.type == "cpu" else count
        parts = []
        for first in range(0, count, at_a_time):
            part = pytree.tree_map(lambda t: t[first : first + at_a_time], given.val)  # noqa: B023
            parts.append(forward(self._step.model, params, given.constants, part | given.fixed))
        outputs = torch.cat(parts)
        return torch.stack([value.double() for value in judge(self._kind.task, outputs, val)])

    def _enter(self, metrics: Tensor, validated: list[tuple[int, list[int], Tensor]]) -> None:
        """Turn counts into accuracies; on a schedule, train accuracy is the epoch's so far.

        Args:
            metrics: of every step and slot, with counts for accuracies, shape (steps, K, 5).
            validated: step, slots, and what `_validation` gave for each of these.
        """
        first = self._drawn[0]
        in_a_step, held_out = first.minibatch_size, samples(first.given.val)
        train, val = (metrics[..., METRICS.index(f"{part}_accuracy")] for part in ("train", "val"))
        if first.evaluations is None:
            train /= in_a_step
            val /= held_out
            return
        right, epoch = train.clone(), self.whole_epochs(1)
        train.fill_(torch.nan)
        for i, slots, values in validated:
            begun = i - i % epoch
            seen = (i + 1 - begun) * in_a_step
            train[i, slots] = right[begun : i + 1, slots].sum(0) / seen
            metrics[i, slots, METRICS.index("val_loss")] = values[:, 0].cpu()
            val[i, slots] = values[:, 1].cpu() / held_out


def in_place(tree: Any, slot: int) -> Any:
    """The part of a stack's tensors that is the member's in `slot`, as views."""
    return pytree.tree_map(lambda tensor: tensor[slot], tree)


def _captured(step: StackStep, device: torch.device) -> StackStep | Replay:
    return Replay(step) if device.type == "cuda" else step
