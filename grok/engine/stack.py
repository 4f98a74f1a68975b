"""K members' tensors with a leading member dimension, and the slots they sit in."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from grok.engine.batches import Batches, next_rows, one_order
from grok.engine.compiled import Around, StackStep, stack_step
from grok.engine.member import Drawn, departure, shapes
from grok.engine.observer import VALIDATION, Collected, Observer, Taken
from grok.engine.plain import PlainStep
from grok.engine.played import Played
from grok.engine.replay import Replay
from grok.engine.shared import Common, Held, of_slot
from grok.engine.sizes import block_of
from grok.engine.step import METRICS, Given, State, Tensors
from grok.engine.tensors import copy_into, in_place, in_slot, layout, stacked
from grok.measures import Measure
from grok.optim.coefficients import table, total_norm
from grok.tasks import Task
from grok.tasks.model import Model


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
        done: optimizer steps that the member in each slot has taken.
        drawn: what it started from.
        common: what all slots have in common at present.
        kind, device, plain: of all steps.
        observer: takes the measures.
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
        self.hyper: Tensors
        self.device, self._compile, self.plain = device, compiled, plain
        self.kind, self.observer = drawn[0].kind(task), Observer(self, measures or {})
        self.drawn = list(drawn)
        hypers = [each.opt.hyper() for each in drawn]
        self.state, self.hyper = stacked(
            list(zip([each.state for each in drawn], hypers, strict=True)), device
        )
        self.done = [0] * len(drawn)
        self._step: StackStep | Around | PlainStep
        self._variant: tuple[int, Common] | None = None  # which `_step` is
        self._load()
        self._use_step()

    def _load(self) -> None:
        """Put on the device what members are given, each tensor once if all have the same."""
        first = self.drawn[0]
        self._held = Held(
            [drawn.given for drawn in self.drawn],
            self.device,
            minibatches=first.batches is not None,
            scheduled=first.evaluations is not None,
        )
        self._variant = None  # a captured step holds on to the tensors before

    def _use_step(self) -> None:
        """Take the step for slots that share what these do, captured anew if that changed."""
        batches = self._batches
        self.common = self._held.common(bool(batches) and one_order(batches, self.done))
        size = block_of(len(self.done), self.device) if self._compile else len(self.done)
        variant = (size, self.common)
        if self.plain:  # it holds on to its member
            constants, opt = self.given.constants, self.drawn[0].opt
            self._step = PlainStep(self.kind, opt, self.state, constants, self.done[0])
        elif variant != self._variant:
            argument = of_slot(self._held.argument, self.common.given, slice(size))
            step = stack_step(
                self.kind,
                size=size,
                compiled=self._compile,
                common=self.common,
                tensors=(self.state.norm.dtype, self.device.type, layout(argument)),
            )
            self._step = _without_python(step, self.device, self.common)
            self._variant = variant

    @property
    def given(self) -> Given:
        """What members are given; what is the same in all slots is there once."""
        return self._held.given

    @property
    def _batches(self) -> list[Batches]:
        """Of each slot; none where every step takes all samples."""
        return [drawn.batches for drawn in self.drawn if drawn.batches is not None]

    @property
    def compiled(self) -> bool:
        """Whether the step runs compiled."""
        return self._step.compiled

    @property
    def leaves_out_empty(self) -> bool:
        """Whether slots that nobody has cost nothing."""
        return self._step.leaves_out_empty

    @property
    def model(self) -> Model:
        """Gives the structure of a member."""
        return self._step.model

    def put(self, slot: int, drawn: Drawn) -> None:
        """Start a member from its draws in `slot`; the other slots go on untouched."""
        copy_into(in_place((self.state, self.hyper), slot), (drawn.state, drawn.opt.hyper()))
        before = self.drawn[slot].given
        self.drawn[slot], self.done[slot] = drawn, 0
        if not self._held.put(slot, drawn.given, before):
            self._load()
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
        self.drawn = [self.drawn[slot] for slot in slots]
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

    def fill(self, slot: int, other: int) -> None:
        """Put into `slot`, which nobody has, a copy of the member in another."""
        (state,) = self.states([other])
        self.put(slot, self.drawn[other])
        self.restore(slot, state, self.done[other])

    def norm(self, slot: int) -> float:
        """L2 norm of all parameters in `slot`."""
        return total_norm(param[slot] for param in self.state.params.values()).item()

    def whole_epochs(self, steps: int) -> int:
        """`steps`, or as many more as whole epochs take."""
        batches = self.drawn[0].batches
        return steps if batches is None else -(-steps // batches.per_epoch) * batches.per_epoch

    def advance(
        self, steps: int, empty: Collection[int] = ()
    ) -> tuple[dict[str, Tensor], list[Taken]]:
        """Train every slot for `steps` optimizer steps, whole epochs, without waiting for them.

        Args:
            empty: slots that nobody has; nothing is measured of them, and they train along only
                where they can't be left out.

        Returns:
            Metrics by name, shape (steps, K), nan where they weren't measured, and what the
            measures gave, in the order of the steps; on the CPU.
        """
        due, collected = self.observer.due(steps, empty), Collected()

        def after(i: int) -> None:
            for name, slots in due[i]:
                collected.add(self.observer.take(name, slots, i + 1))

        metrics, taken = self.stepped(steps, steps, due, after, empty), collected.there()
        self.observer.enter(metrics, [each for each in taken if each.measure == VALIDATION])
        self.done = [before + steps for before in self.done]
        return dict(zip(METRICS, metrics.unbind(-1), strict=True)), taken

    def stepped(
        self,
        steps: int,
        last: int,
        due: Collection[int],
        after: Callable[[int], None],
        empty: Collection[int] = (),
    ) -> Tensor:
        """Take the first `last` of the next `steps`.

        Args:
            due: numbers of steps, from 0; `after` is called with each when it has been taken.
            empty: slots that nobody has.

        Returns:
            What they measure, with counts for accuracies, shape (last, K, 5), on the CPU.
        """
        coefficients, batches, rows = self._coefficients(steps), self._batches, []
        if batches:
            rows = next_rows(batches, self.done, steps, self.device)
        slots = [slot for slot in range(len(self.done)) if slot not in empty]
        metrics = []
        stops = {0, last, *(i + 1 for i in due if 0 <= i < last)}
        stops |= {i for i in self._held.gather.parts(rows) if i < last}
        for first, end in itertools.pairwise(sorted(stops)):
            gathered = self._held.gather(torch.stack(rows[first:end])) if rows else {}
            some = coefficients[first:end]
            argument = self._held.argument
            metrics.append(self._step.several(self.state, some, gathered, argument, slots))
            if end - 1 in due:
                after(end - 1)
        return torch.cat(metrics).cpu() if metrics else torch.empty(0)

    def weights(self, slot: int) -> Tensors:
        """Copies on the CPU of the parameters and constants of the member in `slot`."""
        params, given, _ = self.member(slot)
        return {name: t.to("cpu", copy=True) for name, t in (params | given.constants).items()}

    def _coefficients(self, steps: int) -> Tensor:
        """The optimizer's, of each of the next steps; they count as taken."""
        factors = [
            drawn.opt.lr_factors(before, steps)
            for drawn, before in zip(self.drawn, self.done, strict=True)
        ]
        by_step = torch.tensor(factors, dtype=torch.float64, device=self.device).T[..., None]
        coefficients, powers = table(
            self.kind.opt, self.hyper, self.state.powers, by_step, self.state.norm.dtype
        )
        self.state.powers.copy_(powers)
        return coefficients

    def member(self, slot: int) -> tuple[Tensors, Given, Tensors]:
        """Parameters of the member in `slot`, what it is given, and its initial parameters."""
        params = {name: param[slot] for name, param in self.state.params.items()}
        initial = self.drawn[slot].state.params
        there = {name: param.to(self.device) for name, param in initial.items()}
        return params, self._held.of_slot(slot), there

    def members(
        self, slots: list[int], with_initial: bool
    ) -> tuple[tuple[Tensors, Given, Tensors], Any]:
        """The same of several, stacked, and where the members' dimension is.

        Args:
            with_initial: whether to bring the initial parameters, which are on the CPU.
        """
        picked = torch.tensor(slots, device=self.device)
        params = {name: param[picked] for name, param in self.state.params.items()}
        initial: Tensors = {}
        if with_initial:
            initial = stacked([self.drawn[slot].state.params for slot in slots], self.device)
        given = self._held.of_slot(picked)
        return (params, given, initial), (0, self._held.dimensions(), 0)


def _without_python(step: StackStep, device: torch.device, common: Common) -> StackStep | Around:
    if not step.compiled:
        return step
    return Replay(step, common) if device.type == "cuda" else Played(step, common)
