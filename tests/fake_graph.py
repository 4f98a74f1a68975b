"""A CPU that captures steps as a GPU does: what is recorded once is done again on the same tensors.

It stands in for ``torch.cuda.CUDAGraph`` where there is no GPU. As there, a step that reads a
tensor's value while it is captured is refused, and nothing of its Python runs in a replay.
"""

import contextlib

import torch
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from grok.engine import sizes
from grok.engine import stack as stack_module
from grok.engine.compiled import StackStep, stack_step
from grok.engine.replay import Replay


class FakeGraph(TorchDispatchMode):
    """Records operations with the tensors that they read and wrote."""

    def __init__(self):
        super().__init__()
        self.recorded = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing")
        result = function(*args, **(kwargs or {}))
        self.recorded.append((function, args, kwargs or {}, result))
        return result

    def replay(self):
        for function, args, kwargs, result in self.recorded:
            again = function(*args, **kwargs)
            for old, new in zip(*map(pytree.tree_leaves, (result, again)), strict=True):
                if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)  # neither a view nor done in place


class FakeStream:
    """All there is on a CPU."""

    def __init__(self, _device=None):
        pass

    def wait_stream(self, _other):
        pass


def _captured(step, _device, common):
    return Replay(step, common) if step.compiled else step


def install(monkeypatch, block=64):
    """Have steps that are compiled captured here; nothing is compiled for them.

    A process keeps its steps: none of before is taken here, and none of here later.

    Args:
        block: slots that are captured as one.
    """
    monkeypatch.setattr(sizes, "in_blocks", lambda _device: True)
    monkeypatch.setattr(sizes, "BLOCK", block)
    monkeypatch.setattr(stack_module, "stack_step", stack_step.__wrapped__)
    monkeypatch.setattr(StackStep, "_compilable", lambda step, _device: step._advance)
    monkeypatch.setattr(stack_module, "_without_python", _captured)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph: graph)
    monkeypatch.setattr(torch.cuda, "Stream", FakeStream)
    monkeypatch.setattr(torch.cuda, "current_stream", FakeStream)
    monkeypatch.setattr(torch.cuda, "stream", lambda _stream: contextlib.nullcontext())
