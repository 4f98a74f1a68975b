"""One step of one member as a plain PyTorch loop takes it: ordinary autograd, eagerly.

The way of networks that can't be mapped over a stack, and the reference for those that can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from grok.engine.adamw import Hyper
from grok.engine.step import GROUPS, State, group_of, judge, minibatch, weight_norm
from grok.tasks import Data, Task


class PlainStep:
    """Advances a stack of one, to the bit as a loop with ``torch.optim.AdamW`` does.

    Args:
        task: gives network, loss and correctness.
        constrain: groups whose parameters are rescaled, together, to ``state.norm``.
        state, hyper: the stack's tensors. Those of the state are updated in place: the network's
            parameters and the optimizer's moments are views of them.
        done: steps that the member has taken.
    """

    compiled = False

    def __init__(
        self, task: Task, constrain: tuple[str, ...], state: State, hyper: Hyper, done: int
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            network = task.network()
        self.network: nn.Module = network.to(state.norm.device, state.norm.dtype)
        self._task, self._norm = task, state.norm[0]
        self._unknown = torch.full_like(self._norm, torch.nan)
        params = dict(self.network.named_parameters())
        for name, param in params.items():
            param.data = state.params[name][0]
        self._params = list(params.values())
        self._held = {name: param for name, param in params.items() if group_of(name) in constrain}
        self._groups = []
        for i, group in enumerate(GROUPS):
            names = [name for name in params if group_of(name) == group]
            self._groups.append(
                Group(
                    params=[params[name] for name in names],
                    exp_avgs=[state.exp_avg[name][0] for name in names],
                    exp_avg_sqs=[state.exp_avg_sq[name][0] for name in names],
                    steps=[torch.tensor(float(done)) for _ in names],
                    hyper={key: value[0, i].item() for key, value in hyper._asdict().items()},
                )
            )

    def __call__(
        self, state: State, coefficients: Tensor, rows: dict[str, Tensor], data: Data
    ) -> Tensor:
        """Advance the member in place; what `member_step` measures, shape (1, 5).

        Args:
            state, coefficients: for stacks; this step has its own.
            rows, data: as those of `member_step`.
        """
        batch = minibatch(data.train, rows)
        outputs = self.network(batch["inputs"])
        loss = self._task.loss_of(outputs, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            for group in self._groups:
                group.step()
            if self._held:
                scale = self._norm / weight_norm(self._held)
                for param in self._held.values():
                    param.mul_(scale)
            right = self._task.correct(outputs, batch).sum()
            validation = (self._unknown, self._unknown)
            if data.val:
                validation = judge(self._task, self.network(data.val["inputs"]), data.val)
            metrics = (loss, right, *validation, nn.utils.get_total_norm(self._params))
            return torch.stack([value.double() for value in metrics])[None]


@dataclass
class Group:
    """The parameters of a group, and what ``torch.optim.AdamW`` would remember of them."""

    params: list[nn.Parameter]
    exp_avgs: list[Tensor]
    exp_avg_sqs: list[Tensor]
    steps: list[Tensor]
    hyper: dict[str, Any]

    def step(self) -> None:
        """Update the parameters that have a gradient, which is used up.

        By the function that ``torch.optim.AdamW`` calls, without what it does around it at every
        step: a quarter of the time of small networks.
        """
        learning = [i for i, param in enumerate(self.params) if param.grad is not None]
        params = [self.params[i] for i in learning]
        grads = [param.grad for param in params if param.grad is not None]
        adamw(
            list(params),
            grads,
            [self.exp_avgs[i] for i in learning],
            [self.exp_avg_sqs[i] for i in learning],
            [],
            [self.steps[i] for i in learning],
            foreach=True,
            amsgrad=False,
            maximize=False,
            **self.hyper,
        )
        for param in params:
            param.grad = None
