"""What members of a stack are given: each tensor once where all have the same, else stacked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar
from weakref import WeakValueDictionary

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from grok.engine.step import Given
from grok.tasks import Batch

Shared = tuple[bool, ...]
"""Of each tensor of a nested structure, in its order: whether there is one for all members."""


GATHERED = 2**22
"""Bytes of minibatches that are gathered at once."""


class Common(NamedTuple):
    """Which arguments of a step have no leading dimension K.

    Attributes:
        batch: of a minibatch. It is gathered once where all take the same samples, and the first
            layer's batched product then reads it once for all members.
        given: of what else members are given.
    """

    batch: Shared
    given: Shared


ALIKE: WeakValueDictionary[tuple[Any, ...], Tensor] = WeakValueDictionary()
"""A tensor of those that are the same to the bit, by its shape, its dtype and some of its bytes."""
LOOKED_AT = 256
"""Of its bytes, about so many."""


Tree = TypeVar("Tree")


def alike(given: Tree) -> Tree:
    """What a member is given, with the very tensors of others for those that are the same."""
    same: Tree = pytree.tree_map(_same, given)
    return same


def _same(tensor: Tensor) -> Tensor:
    tensor = tensor.contiguous()
    bits = _bits(tensor)
    some = bits[:: bits.numel() // LOOKED_AT | 1].numpy().tobytes()  # of all bytes of a number
    known = ALIKE.setdefault((tensor.shape, tensor.dtype, some), tensor)
    return known if known is tensor or torch.equal(_bits(known), bits) else tensor


def _bits(tensor: Tensor) -> Tensor:
    return tensor.reshape(-1).view(torch.uint8)


def held(givens: Sequence[Given], device: torch.device) -> tuple[Given, Shared]:
    """The members' tensors on the device, and which of them are there once for all.

    Each is an object of its own: what is compiled takes two that are the same for one, and others
    that come later need not be.
    """
    columns = list(zip(*map(pytree.tree_leaves, givens), strict=True))
    shared = tuple(all(tensor is column[0] for tensor in column) for column in columns)
    leaves = [
        (column[0] if one else torch.stack(column)).to(device).detach()
        for column, one in zip(columns, shared, strict=True)
    ]
    return pytree.tree_unflatten(leaves, pytree.tree_structure(givens[0])), shared


class Own:
    """What each member's tensors take in a stack, without those that it holds once for all.

    Args:
        givens: of members, the same tensors where they are `alike`.

    Attributes:
        bytes: so many.
    """

    def __init__(self, givens: Iterable[Given] = ()) -> None:
        self.bytes = 0
        self._shared: dict[int, Tensor] | None = None  # by place
        for given in givens:
            self.add(given)

    def add(self, given: Given) -> None:
        """Another member."""
        leaves = pytree.tree_leaves(given)
        if self._shared is None:
            self._shared = dict(enumerate(leaves))
        for i in self._apart(leaves):
            self.bytes += self._shared.pop(i).nbytes

    def beside(self, given: Given) -> int:
        """The bytes with another member."""
        leaves: list[Tensor] = pytree.tree_leaves(given)
        return self.bytes + sum(leaves[i].nbytes for i in self._apart(leaves))

    def _apart(self, leaves: Sequence[Tensor]) -> list[int]:
        return [i for i, tensor in (self._shared or {}).items() if leaves[i] is not tensor]


def flags(tree: Any, shared: Shared) -> Any:
    """`shared` in the structure of the tensors that it speaks of."""
    return pytree.tree_unflatten(shared, pytree.tree_structure(tree))


def dimensions(tree: Any, shared: Shared) -> Any:
    """Where the members' dimension is, for `torch.func.vmap`: None where there is none."""
    where = [None if one else 0 for one in shared]
    return pytree.tree_unflatten(where, pytree.tree_structure(tree))


def of_slot(tree: Any, shared: Shared, slot: int | slice | Tensor) -> Any:
    """The tensors of the member in `slot`, or of those in several, stacked; of a slice as views."""
    leaves = zip(pytree.tree_leaves(tree), shared, strict=True)
    mine = [leaf if one else leaf[slot] for leaf, one in leaves]
    return pytree.tree_unflatten(mine, pytree.tree_structure(tree))


class Gather:
    """Gathers minibatches of every member; what all have the same of is there once.

    Args:
        train, shared: all samples, as `held` gives them.
    """

    def __init__(self, train: Batch, shared: Shared) -> None:
        leaves, self._structure = pytree.tree_flatten(train)
        self._leaves = list(zip(leaves, shared, strict=True))

    def parts(self, rows: Sequence[Tensor]) -> list[int]:
        """Numbers of the steps to begin anew with, so that minibatches gathered at once are of one
        size, and not too many.

        Args:
            rows: numbers of the samples in each step's minibatch, shape (K, size) or (size,).
        """
        sample = sum((leaf[0] if one else leaf[0, 0]).nbytes for leaf, one in self._leaves)
        starts, first, total = [], 0, 0
        for i, numbers in enumerate(rows):
            total += numbers.numel() * sample
            if i and (numbers.shape != rows[first].shape or total > GATHERED):
                starts.append(i)
                first, total = i, numbers.numel() * sample
        return starts

    def __call__(self, rows: Tensor) -> Batch:
        """The samples of these numbers.

        Args:
            rows: shape (steps, K, size), or (steps, size) where all take the same.
        """
        batch = []
        for leaf, one in self._leaves:
            # one index for each row: several times as fast as indexing with a tensor
            numbers, samples = rows, leaf
            if not one:
                first = torch.arange(len(leaf), device=rows.device) * leaf.shape[1]
                each = rows if rows.dim() == 3 else rows[:, None]
                numbers, samples = each + first[:, None], leaf.flatten(0, 1)
            picked = samples.index_select(0, numbers.flatten())
            batch.append(picked.view(*numbers.shape, *samples.shape[1:]))
        gathered: Batch = pytree.tree_unflatten(batch, self._structure)
        return gathered


class Held:
    """What the members of a stack are given, on its device.

    Args:
        givens: of each slot; a tensor that is one and the same in all is held once.
        minibatches: whether steps take such, which are gathered before them.
        scheduled: whether validation has a schedule of its own.

    Attributes:
        given: each tensor once, and never written to, or with a leading dimension K.
        argument: the part of it that a step is called with.
        gather: makes minibatches of it.
    """

    def __init__(
        self, givens: Sequence[Given], device: torch.device, minibatches: bool, scheduled: bool
    ) -> None:
        self.given, self._shared = held(givens, device)
        parts = flags(self.given, self._shared)
        self._train: Shared = tuple(pytree.tree_leaves(parts.train))
        self.gather = Gather(self.given.train, self._train)
        self.argument = self.given
        if minibatches:
            self.argument, parts = (tree._replace(train={}) for tree in (self.argument, parts))
        if scheduled:
            self.argument, parts = (tree._replace(val={}) for tree in (self.argument, parts))
        self._argument: Shared = tuple(pytree.tree_leaves(parts))
        self._minibatches = minibatches

    def common(self, one_order: bool) -> Common:
        """What all slots have in common, who take their minibatches in one order or don't."""
        batch = tuple(one and one_order for one in self._train if self._minibatches)
        return Common(batch, self._argument)

    def put(self, slot: int, new: Given, old: Given) -> bool:
        """Give `slot` new tensors; False where one is held for all, so all are to be held anew."""
        leaves = [pytree.tree_leaves(tree) for tree in (self.given, new, old)]
        parts = list(zip(*leaves, self._shared, strict=True))
        if any(shared and new is not old for _, new, old, shared in parts):
            return False
        for held_here, new, _, shared in parts:
            if not shared:
                held_here[slot].copy_(new)
        return True

    def of_slot(self, slot: int | Tensor) -> Given:
        """What the member in `slot` is given, or those in several, stacked."""
        given: Given = of_slot(self.given, self._shared, slot)
        return given

    def dimensions(self) -> Any:
        """Where the members' dimension is in `given`."""
        return dimensions(self.given, self._shared)
