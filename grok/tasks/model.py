"""A task's network and what it makes of a batch, as a function of any tensors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call

from grok.tasks.task import Batch, Task


class Model(nn.Module):
    """A task's way from a batch to outputs, as one module; gives the structure of a member.

    The tensors that it computes with are those that `forward` is called with.
    """

    def __init__(self, task: Task) -> None:
        super().__init__()
        self._task = task
        with torch.random.fork_rng(devices=[]):
            self.network = task.network()

    def forward(self, batch: Batch) -> Tensor:
        """The task's outputs for `batch`."""
        return self._task.outputs_of(self.network, batch)


def forward(
    model: Model, params: dict[str, Tensor], constants: dict[str, Tensor], batch: Batch
) -> Tensor:
    """Outputs for `batch` of the member that has these tensors, named as its network's."""
    tensors = {f"network.{name}": tensor for name, tensor in (params | constants).items()}
    outputs: Tensor = functional_call(model, tensors, (batch,))
    return outputs
