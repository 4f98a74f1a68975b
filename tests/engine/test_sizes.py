"""Sizes of stacks: halves on a CPU, whole blocks on a GPU."""

import pytest
import torch

from grok.engine.sizes import BLOCK, COMPILING, block_of, fitting, pays, whole_blocks

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


@pytest.mark.parametrize(("members", "size"), [(441, 441), (222, 441), (221, 221), (3, 4), (1, 1)])
def test_halves(members, size):
    assert fitting(members, 441, CPU) == size


@pytest.mark.parametrize(
    ("members", "most", "size"),
    [
        (441, 441, 7 * BLOCK),
        (7 * BLOCK - 1, 441, 7 * BLOCK),
        (6 * BLOCK, 441, 6 * BLOCK),
        (BLOCK + 1, 441, 2 * BLOCK),
        (BLOCK, 441, BLOCK),
        (BLOCK // 2, 441, BLOCK // 2),
        (40, 40, 40),
        (20, 40, 20),
    ],
)
def test_blocks_and_then_halves_of_one(members, most, size):
    assert fitting(members, most, GPU) == size


def test_room_is_of_whole_blocks_where_there_is_room_for_one():
    assert [whole_blocks(slots, GPU) for slots in (1, BLOCK, BLOCK + 1, 3 * BLOCK)] == [
        1,
        BLOCK,
        BLOCK,
        3 * BLOCK,
    ]
    assert whole_blocks(BLOCK + 1, CPU) == BLOCK + 1


def test_what_is_compiled_as_one():
    assert [block_of(slots, GPU) for slots in (3, BLOCK, BLOCK + 1, 7 * BLOCK)] == [
        3,
        BLOCK,
        BLOCK + 1,
        BLOCK,
    ]
    assert block_of(7 * BLOCK, CPU) == 7 * BLOCK


def test_fewer_blocks_pay_at_once_and_what_is_compiled_later():
    assert pays(2 * BLOCK, 0, GPU)
    for device in (CPU, GPU):
        assert not pays(BLOCK // 2, COMPILING[device.type] - 1, device)
        assert pays(BLOCK // 2, COMPILING[device.type], device)


def test_one_block_left_of_several_is_compiled_already():
    assert pays(BLOCK, 0, GPU)
