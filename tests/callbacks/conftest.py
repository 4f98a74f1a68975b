"""What tests of callbacks share."""

import pytest

from tests.callbacks.interrupts import BUDGET


@pytest.fixture
def members(make_member):
    def make(where):
        return [
            make_member(f"{where}/{i}", lr=lr, budget=BUDGET)
            for i, lr in enumerate([1e-3, 3e-4, 2e-3])
        ]

    return make
