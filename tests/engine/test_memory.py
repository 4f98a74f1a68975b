"""How many members a GPU's memory holds; the numbers of a GPU are made up."""

import pytest
import torch
from torch.utils import _pytree as pytree

from grok.engine import StackModule, module
from grok.engine.memory import capacity
from grok.schema import Engine


def test_members_that_fit_three_quarters_of_the_free_memory(make_member, monkeypatch):
    """A member more takes what a step of two takes more than one, and its own data."""
    member = make_member()
    drawn, cpu = member.drawn(torch.float32), torch.device("cpu")
    own = sum(tensor.nbytes for tensor in pytree.tree_leaves(drawn.given))
    peaks = [70_000_000, 75_000_000 - own] * 3
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: peaks.pop(0))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (400_000_000, 800_000_000))
    assert capacity(member.task, drawn, cpu) == 60
    assert capacity(member.task, drawn, cpu, sharing=2) == 30
    assert capacity(member.task, drawn, cpu, sharing=100) == 1


def test_a_stack_takes_its_share_of_a_gpu(make_member, monkeypatch):
    def asked(_task, _drawn, _device, sharing):
        raise MemoryError(f"a share of {sharing}")

    monkeypatch.setattr(module, "capacity", asked)
    monkeypatch.setattr(StackModule, "device", torch.device("cuda"))
    stack = StackModule([make_member()], Engine(False, False, 200, 1), size=2, sharing=3)
    with pytest.raises(MemoryError, match="a share of 3"):
        stack.on_fit_start()
