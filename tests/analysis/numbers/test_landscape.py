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


def test_the_initial_scale_is_what_the_records_call_so(tmp_path, add_member):
    for number, scale in enumerate((2.0, 1.0)):
        settings, norm = {"task.width_of_draws": scale}, {"initial": 10 * scale}
        roles = {"task.width_of_draws": "initial scale"}
        add_member(number, settings, weight_norm=norm, roles=roles)
    losses = landscape.landscape_table(read_sweep(tmp_path))
    assert losses["alpha"].tolist() == [1, 2]
    assert losses["norm"].tolist() == [10, 20]
