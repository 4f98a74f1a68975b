import numpy as np
import pytest

from grok.analysis.numbers import landscape
from grok.analysis.read.table import read_sweep
from tests.analysis.special_sweeps import ALPHAS


def test_the_table_goes_by_rising_norm(valley):
    losses = landscape.landscape_table(read_sweep(valley()))
    assert losses["alpha"].tolist() == sorted(ALPHAS)
    assert losses["norm"].tolist() == [2.5, 5, 10, 20, 40]
    assert losses["train_loss"].tolist() == pytest.approx([10**-1.5, 1e-3, 1e-6, 1e-6, 1e-6])
    assert list(losses.columns[:4]) == ["alpha", "norm", "train_loss", "test_loss"]


def test_the_goldilocks_norm_is_that_of_the_lowest_test_loss(valley):
    losses = landscape.landscape_table(read_sweep(valley()))
    assert landscape.goldilocks(losses) == 10
    assert landscape.goldilocks(losses.assign(test_loss=np.nan)) is None
