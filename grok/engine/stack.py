"""K members' tensors with a leading member dimension, and the slots they sit in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.utils import _pytree as pytree

from grok.engine.adamw import Hyper, coefficients
from grok.engine.compiled import Common, StackStep, stack_step
from grok.engine.member import Drawn, departure, shapes
from grok.engine.plain import PlainStep
from grok.engine.replay import Replay
from grok.engine.step import METRICS, State, judge, weight_norm
from grok.engine.tensors import copy_into, in_slot, stacked
from grok.tasks import Batch, Data, Task

CPU_SAMPLES = 1000
"""Validated at a time on a CPU, whose cache holds what the layers make of them."""


class Stack:
    """A fixed number of slots; whoever sits in one trains independently of the others.

    Args:
        task: what all members learn; shapes are the same for all.
        drawn: what the member in each slot starts from.
        device: where to train.
        compiled: whether to compile the step.
        plain: take a plain, eager step instead; for a single slot.
        watch: names of parameters to report after every step.

    Attributes:
        state, hyper: tensors of shape (K, ...), updated in place.
        data: likewise; or, where all slots have the same, one member's, which is never written to.
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
        watch: Sequence[str] = (),
    ) -> None:
        self.watch = tuple(watch)
        self.state: State
        self.hyper: Hyper
        self.data: Data
        self.state, self.hyper = stacked([(each.state, each.hyper) for each in drawn], device)
        self._task, self._device = task, device
        self._drawn: list[Drawn] = []
        self._validation: list[Batch] = []  # of each slot, where it has a schedule
        for each in drawn:
            self._validation.append(self._moved(each))
            self._drawn.append(each)
        self.done = [0] * len(drawn)
        # what varies is in the weights and the data, and is nothing to compile anew for
        self._shared, self._compile, self._plain = task.shared(), compiled, plain
        self._step: StackStep | Replay | PlainStep
        self._variant: tuple[int, Common] | None = None  # which `_step` is
        self._load_data()
        self._use_step()

    def _load_data(self) -> None:
        """Put the slots' data on the device, once if all have the same."""
        parts = [_data_of(drawn) for drawn in self._drawn]
        self._one_data = all(each.data is self._drawn[0].data for each in self._drawn)
        if self._one_data:
            self.data = pytree.tree_map(lambda tensor: tensor.to(self._device), parts[0])
        else:
            self.data = stacked(parts, self._device)
        self._variant = None  # a captured step holds on to the tensors before

    def _use_step(self) -> None:
        """Take the step for this size and what the slots share, captured anew if that changed."""
        self.common = Common(self._one_data, self._one_data and self._one_batch())
        task, constrain = self._shared, self._drawn[0].constrain
        variant = (len(self.done), self.common)
        if self._plain:  # it holds on to its member
            self._step = PlainStep(task, constrain, self.state, self.hyper, self.done[0])
        elif variant != self._variant:
            step = stack_step(
                task,
                size=variant[0],
                compiled=self._compile,
                common=self.common,
                constrain=constrain,
                tensors=(self.state.norm.dtype, self._device.type),
            )
            self._step = _captured(step, self._device)
            self._variant = variant

    def _one_batch(self) -> bool:
        """Whether all slots take the same rows in each of the next steps."""
        seeds = [drawn.batches.seeds for drawn in self._drawn if drawn.batches is not None]
        if not seeds:
            return True
        return len(set(self.done)) == 1 and all(torch.equal(seeds[0], other) for other in seeds)

    @property
    def compiled(self) -> bool:
        """Whether the step runs compiled."""
        return self._step.compiled

    def put(self, slot: int, drawn: Drawn) -> None:
        """Start a member from its draws in `slot`; the other slots go on untouched."""
        self._copy(slot, (self.state, self.hyper), (drawn.state, drawn.hyper))
        self._validation[slot] = self._moved(drawn)
        same_data = drawn.data is self._drawn[slot].data
        self._drawn[slot], self.done[slot] = drawn, 0
        if self._one_data and not same_data:
            self._load_data()
        elif not self._one_data:
            self._copy(slot, self.data, _data_of(drawn))
        self._use_step()

    def _moved(self, drawn: Drawn) -> Batch:
        """A member's validation data on the device, once for all members that share it."""
        if drawn.evaluations is None:
            return {}  # part of the stack's tensors
        for other, moved in zip(self._drawn, self._validation, strict=True):
            if other.data.val is drawn.data.val:
                return moved
        return {name: tensor.to(self._device) for name, tensor in drawn.data.val.items()}

    @staticmethod
    def _copy(slot: int, into: Any, member: Any) -> None:
        """Copy a member's tensors into those of the stack that have the same structure."""
        for old, new in zip(pytree.tree_leaves(into), pytree.tree_leaves(member), strict=True):
            old[slot].copy_(new)

    def states(self, slots: Sequence[int]) -> list[dict[str, Any]]:
        """Copies on the CPU of the state in each of `slots`, as plain dictionaries."""
        on_cpu = pytree.tree_map(lambda tensor: tensor.cpu(), self.state._asdict())
        return [in_slot(on_cpu, slot) for slot in slots]

    def restore(self, slot: int, state: dict[str, Any], done: int) -> None:
        """Give `slot` a state of `states`, after `done` steps; hyperparameters and data stay.

        Raises:
            ValueError: the state is that of another network.
        """
        mine = pytree.tree_map(lambda tensor: tensor[slot], self.state._asdict())
        if other := departure(shapes(mine), shapes(state)):
            raise ValueError(other)
        self._copy(slot, self.state, State(**state))
        self.done[slot] = done
        self._use_step()

    def keep(self, slots: Sequence[int]) -> None:
        """Become a stack of these slots, in this order."""
        mine = (self.state, self.hyper)
        self.state, self.hyper = pytree.tree_map(lambda t: t[list(slots)], mine)
        self._drawn = [self._drawn[slot] for slot in slots]
        self._validation = [self._validation[slot] for slot in slots]
        self.done = [self.done[slot] for slot in slots]
        self._load_data()
        self._use_step()

    def kept(self) -> State | None:
        """A copy of the state to `go_back` to; None for one member, and on a GPU.

        There a step that fails can't be repeated, and there is no memory to spare.
        """
        if len(self.done) == 1 or self._device.type != "cpu":
            return None
        copy: State = pytree.tree_map(torch.clone, self.state)
        return copy

    def go_back(self, kept: State, done: list[int]) -> None:
        """Be as when `kept` was copied, after `done` steps in each slot."""
        copy_into(self.state, kept)
        self.done = done
        self._use_step()

    def failures(self, steps: int) -> dict[int, Exception]:
        """The slots that can't take the next steps, tried one by one and uncompiled, and why."""
        found: dict[int, Exception] = {}
        for slot, state in enumerate(self.states(range(len(self.done)))):
            alone = Stack(self._task, [self._drawn[slot]], self._device, compiled=False)
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

    def watched(self, slot: int) -> dict[str, Tensor]:
        """Copies of the watched parameters in `slot`, by name."""
        return {name: self.state.params[name][slot].clone() for name in self.watch}

    def whole_epochs(self, steps: int) -> int:
        """`steps`, or as many more as whole epochs take."""
        batches = self._drawn[0].batches
        return steps if batches is None else -(-steps // batches.per_epoch) * batches.per_epoch

    def advance(self, steps: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Train every slot for `steps` optimizer steps, whole epochs, without waiting for them.

        Returns:
            Metrics by name, shape (steps, K), nan where they weren't measured, and watched
            parameters by name, shape (steps, K, ...), both on the CPU.
        """
        metrics: list[Tensor] = []
        validated: list[tuple[int, int, Tensor]] = []
        watched: dict[str, list[Tensor]] = {name: [] for name in self.watch}
        dtype = next(iter(self.state.params.values())).dtype
        table, powers = coefficients(self.hyper, self.state.beta_powers, steps, dtype)
        self.state.beta_powers.copy_(powers)
        rows, due = self._rows(steps), self._due(steps)
        for i in range(steps):
            metrics.append(self._step(self.state, table[i], rows[i], self.data))
            validated += [(i, slot, self._validate(slot)) for slot in due.get(i, [])]
            for name, history in watched.items():
                history.append(self.state.params[name].clone())
        self.done = [before + steps for before in self.done]
        measured = torch.stack(metrics).cpu()
        self._enter(measured, validated)
        return (
            dict(zip(METRICS, measured.unbind(-1), strict=True)),
            {name: torch.stack(history).cpu() for name, history in watched.items()},
        )

    def _rows(self, steps: int) -> list[dict[str, Tensor]]:
        """For each step the samples in every slot's minibatch, shape (K, size) or (size,)."""
        slots = self._drawn[:1] if self.common.rows else self._drawn
        of_slots = [
            drawn.batches.rows(before, steps // drawn.batches.per_epoch)
            for drawn, before in zip(slots, self.done, strict=False)
            if drawn.batches is not None
        ]
        if not of_slots:
            return [{}] * steps
        rows = torch.stack(of_slots, 1).to(self._device)
        return [{"train": of_step} for of_step in (rows[:, 0] if self.common.rows else rows)]

    def _due(self, steps: int) -> dict[int, list[int]]:
        """Which slots are to be validated after which of the next steps, counted from 0."""
        due: dict[int, list[int]] = {}
        for slot, (drawn, before) in enumerate(zip(self._drawn, self.done, strict=True)):
            for step in drawn.evaluations or ():
                if before < step <= before + steps:
                    due.setdefault(step - before - 1, []).append(slot)
        return due

    def _validate(self, slot: int) -> Tensor:
        """Validation loss and number of right samples in `slot`, double precision, shape (2,)."""
        params = {name: param[slot] for name, param in self.state.params.items()}
        batch, network = self._validation[slot], self._step.network
        inputs = batch["inputs"]
        at_a_time = CPU_SAMPLES if self._device.type == "cpu" else len(inputs)
        with torch.no_grad():
            parts = torch.split(inputs, at_a_time)
            outputs = torch.cat([functional_call(network, params, (part,)) for part in parts])
            return torch.stack([value.double() for value in judge(self._task, outputs, batch)])

    def _enter(self, metrics: Tensor, validated: list[tuple[int, int, Tensor]]) -> None:
        """Turn counts into accuracies; on a schedule, train accuracy is that of the epoch before.

        Args:
            metrics: of every step and slot, with counts for accuracies, shape (steps, K, 5).
            validated: step, slot, and what `_validate` gave there.
        """
        first = self._drawn[0]
        samples, held_out = first.minibatch_size, len(first.data.val["inputs"])
        train, val = (metrics[..., METRICS.index(f"{part}_accuracy")] for part in ("train", "val"))
        if first.evaluations is None:
            train /= samples
            val /= held_out
            return
        right, epoch = train.clone(), self.whole_epochs(1)
        train.fill_(torch.nan)
        for i, slot, (val_loss, val_right) in validated:
            train[i, slot] = right[i + 1 - epoch : i + 1, slot].sum() / (epoch * samples)
            val[i, slot] = val_right / held_out
            metrics[i, slot, METRICS.index("val_loss")] = val_loss


def _captured(step: StackStep, device: torch.device) -> StackStep | Replay:
    return Replay(step) if device.type == "cuda" else step


def _data_of(drawn: Drawn) -> Data:
    """The data that a member's step needs: not that of a validation on a schedule of its own."""
    return drawn.data if drawn.evaluations is None else Data(drawn.data.train, {})
