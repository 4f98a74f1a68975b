"""One step of one member as a plain PyTorch loop takes it: ordinary autograd, eagerly.

The way of networks that can't be mapped over a stack, and the reference for those that can.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn

from grok.engine.step import Given, Kind, State, Steps, Tensors, judge, scaling
from grok.optim import GROUPS, Optimizer, PlainGroup
from grok.optim.coefficients import total_norm
from grok.tasks import Batch
from grok.tasks.model import Model


class PlainStep(Steps):
    """Advances a stack of one, to the bit as a loop with the optimizer of ``torch.optim`` does.

    Args:
        kind: of the step.
        opt: the member's own.
        state: the stack's. It is updated in place: the network's parameters and the optimizer's
            moments are views of it.
        constants: of the member.
        done: steps that it has taken.
    """

    compiled = False

    def __init__(
        self, kind: Kind, opt: Optimizer, state: State, constants: Tensors, done: int
    ) -> None:
        device, dtype = state.norm.device, state.norm.dtype
        self.model = Model(kind.task).to(device, dtype)
        self._kind, self._opt, self._norm, self._done = kind, opt, state.norm[0], done
        self._unknown = torch.full_like(self._norm, torch.nan)
        network = self.model.network
        for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
            tensor.data = constants[name] if name in constants else state.params[name][0]
        params = {name: param for name, param in network.named_parameters() if param.requires_grad}
        self._params = list(params.values())
        self._held = {
            name: param for name, param in params.items() if kind.task.group(name) in kind.constrain
        }
        self._groups = [
            _group([name for name in params if kind.task.group(name) == group], params, state, done)
            for group in GROUPS
        ]
        self._rates = [(opt.lr_enc, opt.wd_enc), (opt.lr_dec, opt.wd_dec)]

    def __call__(self, state: State, coefficients: Tensor, batch: Batch, given: Given) -> Tensor:
        """Advance the member in place; what `member_step` measures, shape (1, 5).

        Args:
            state, coefficients: for stacks; this step has its own.
            batch, given: as those of `member_step`.
        """
        task, batch = self._kind.task, (batch or given.train) | given.fixed
        outputs = self.model(batch)
        loss = task.loss_of(outputs, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            self._update()
            right = task.correct(outputs, batch).sum()
            validation = (self._unknown, self._unknown)
            if given.val:
                val = given.val | given.fixed
                validation = judge(task, self.model(val), val)
            metrics = (loss, right, *validation, nn.utils.get_total_norm(self._params))
            return torch.stack([value.double() for value in metrics])[None]

    def _update(self) -> None:
        """Move the parameters by their gradients, which are used up."""
        if self._opt.clip is not None:
            nn.utils.clip_grad_norm_(self._params, self._opt.clip)
        factor = self._opt.lr_factor(self._done)
        for group, (lr, weight_decay) in zip(self._groups, self._rates, strict=True):
            group.lr, group.weight_decay = lr * factor, weight_decay
            if learning := _with_gradient(group):
                self._opt.plain_update(learning)
        for param in self._params:
            param.grad = None
        if self._held:
            scale = scaling(self._norm, total_norm(self._held.values()))
            for param in self._held.values():
                param.mul_(scale)
        self._done += 1


def _group(
    names: list[str], params: dict[str, nn.Parameter], state: State, done: int
) -> PlainGroup:
    return PlainGroup(
        params=[params[name] for name in names],
        moments=[[moment[name][0] for name in names] for moment in state.moments.values()],
        steps=[torch.tensor(float(done)) for _ in names],
        lr=0.0,
        weight_decay=0.0,
    )


def _with_gradient(group: PlainGroup) -> PlainGroup | None:
    """The part of a group that the loss depends on; as in PyTorch, nothing moves the rest."""
    learning = [i for i, param in enumerate(group.params) if param.grad is not None]
    if len(learning) == len(group.params):
        return group if learning else None
    return dataclasses.replace(
        group,
        params=[group.params[i] for i in learning],
        moments=[[moment[i] for i in learning] for moment in group.moments],
        steps=[group.steps[i] for i in learning],
    )
