"""A task's network and what it makes of a batch, as a function of any tensors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils import _pytree as pytree

from grok.tasks.task import Batch, Task, cast, rows


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


def working_set(task: Task) -> int:
    """How many numbers a training step of one member goes through.

    Its parameters, as many gradients and two moments, and what the way from a batch to the loss
    leaves for the way back.
    """
    model, data = Model(task).float(), cast(task.data(0), torch.float32)
    batch = rows(data.train, task.minibatch()) | data.fixed
    saved: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = task.loss_of(model(batch), batch)  # keeps alive what was saved
    for known in (*model.parameters(), *pytree.tree_leaves(batch)):
        saved.pop(known.untyped_storage().data_ptr(), None)
    del loss
    return 4 * sum(param.numel() for param in model.parameters()) + sum(saved.values())
