"""Shares of the losses' variance, of landscapes whose shares are known."""

import shutil

import numpy as np
import pandas as pd
import pytest

from grok.analysis import command
from grok.analysis.numbers import dependence
from grok.analysis.read.table import read_sweep
from grok.record.record import Plan, write_plan
from tests.analysis.conftest import FINAL

SCALES, SIZES = (0.1, 1.0, 10.0), (10, 100, 1000, 10000)


@pytest.fixture
def sweep_of(tmp_path, add_member):
    """A sweep over initial scale and size, with a loss that is made of their logarithms."""

    def make(loss, sizes=SIZES):
        jobs = [
            {"task.init_scale": scale, "task.train_size": size}
            for scale in SCALES
            for size in sizes
        ]
        write_plan(tmp_path, Plan(list(jobs[0]), jobs))
        for number, job in enumerate(jobs):
            value = loss(*np.log10(list(job.values())))
            final = FINAL | {"val_loss": value}
            add_member(number, job, final=final, weight_norm={"initial": job["task.init_scale"]})
        return tmp_path

    return make


def shares(folder):
    table = dependence.dependence_table(read_sweep(folder)).set_index("loss")
    return table.loc["test_loss"].tolist()


def test_a_loss_of_one_key(sweep_of):
    assert shares(sweep_of(lambda scale, size: 10**scale)) == pytest.approx([1, 0])


def test_a_loss_of_both(sweep_of):
    """The variance of three steps of two is 8 / 3, that of four of one 5 / 4."""
    first, second = 8 / 3, 5 / 4
    expected = [first / (first + second), second / (first + second)]
    assert shares(sweep_of(lambda scale, size: 10 ** (2 * scale + size))) == pytest.approx(expected)


def test_a_loss_of_neither_alone(sweep_of):
    folder = sweep_of(lambda scale, size: 10 ** (scale * (size - 2.5)))
    assert shares(folder) == pytest.approx([0, 0], abs=1e-12)


def test_what_has_no_logarithm_is_left_out(sweep_of):
    """A loss of 0, and none."""
    folder = sweep_of(lambda scale, size: {1: 0.0, 4: None}.get(size, 10**size))
    assert shares(folder) == pytest.approx([0, 1])


def test_while_members_are_missing_nothing_is_said(sweep_of):
    """The first of a sweep may have one scale alone, which then seems to explain nothing."""
    folder = sweep_of(lambda scale, size: scale + size)
    shutil.rmtree(folder / "11")
    assert dependence.dependence_table(read_sweep(folder)) is None


def test_losses_that_are_all_alike_have_no_share(sweep_of):
    assert np.isnan(shares(sweep_of(lambda scale, size: 0.5))).all()


def test_one_key_alone_has_no_table(sweep_of):
    assert (
        dependence.dependence_table(read_sweep(sweep_of(lambda scale, size: 1.0, sizes=(10,))))
        is None
    )


def test_the_command_writes_it(sweep_of):
    folder = sweep_of(lambda scale, size: 10**size)
    command.main([str(folder), "--kind", "landscape"])
    written = pd.read_csv(folder / "analysis" / "dependence.csv")
    assert written.columns.tolist() == ["loss", "task.init_scale", "task.train_size"]
    assert written["loss"].tolist() == list(dependence.LOSSES)
