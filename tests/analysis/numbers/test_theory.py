import numpy as np
import pytest

from grok.analysis import command
from grok.analysis.numbers import theory
from grok.analysis.read.table import read_sweep
from grok.errors import UserError
from tests.analysis.special_sweeps import LR, RATES, WD

KINDS = ["phases"]


def test_the_prediction_of_every_cell(planed):
    """ln(w0 / w_c) / (lr x wd), w_c the geometric mean of 4 and 9; none without decay."""
    (image,) = theory.predictions(planed(), KINDS)
    expected = np.log(60 / 6) / np.outer([np.nan, 0.1, 1.0], RATES)
    np.testing.assert_allclose(image, expected)


@pytest.mark.parametrize(
    ("low", "high", "levels"),
    [
        (1.5, 4.5, [2, 3, 4]),
        (1.9, 3.1, np.log10([100, 200, 500, 1000])),
        (np.log10(110), np.log10(190), [np.log10((110 * 190) ** 0.5)]),
    ],
)
def test_levels_are_round_where_they_can_be(low, high, levels):
    found = theory.contour_levels(np.ma.masked_invalid([[low, high], [np.nan, low]]))
    assert found == pytest.approx(levels)


def test_groups_that_decay_at_two_rates(planed):
    """As on MNIST, where the encoder's learning rate is fixed: it gives no number."""
    sweep = planed(encoder=2e-3)
    with pytest.raises(UserError, match="isn't the same in encoder and decoder, and the norm of"):
        theory.predictions(sweep, KINDS)
    with pytest.raises(UserError, match=f"^--theory: nothing to draw of {sweep.folder}: learning"):
        command.main([str(sweep.folder), "--theory"])


def test_norms_that_grow(planed):
    with pytest.raises(UserError, match="w_c, the weight norm at T_val, isn't below the initial"):
        theory.predictions(planed(norms=(70.0, 80.0)), KINDS)


def test_norms_of_zero_do_not_count(planed):
    """Neither at T_val, nor where members start."""
    (image,) = theory.predictions(planed(norms=(4.0, 0.0, 9.0)), KINDS)
    np.testing.assert_allclose(image, np.log(10) / np.outer([np.nan, 0.1, 1.0], RATES))
    with pytest.raises(UserError, match="isn't below the initial one"):
        theory.predictions(planed(initial=0.0), KINDS)
    with pytest.raises(UserError, match="isn't below the initial one"):
        theory.predictions(planed(norms=(0.0, 0.0)), KINDS)


def test_norms_that_are_not_known(planed):
    with pytest.raises(UserError, match="no record has the weight norms at the start and at T_val"):
        theory.predictions(planed(norms=()), KINDS)


def test_too_few_cells_for_a_contour(planed):
    with pytest.raises(UserError, match="contours take 2 x 2 neighbouring cells"):
        theory.predictions(planed(decays=(0.0, 1.0)), KINDS)


def test_no_weight_decay_axis(sweep_in, planed):
    cells = [({LR: rate, "seed.data": seed}, (1, 2)) for rate in (1, 2) for seed in (1, 2)]
    message = "no phase diagram over a weight decay is drawn"
    with pytest.raises(UserError, match=message):
        theory.predictions(read_sweep(sweep_in("a", *cells)), KINDS)
    with pytest.raises(UserError, match=message):
        theory.predictions(planed(), ["times"])


def test_each_diagram_has_its_own_critical_norm(make_sweep, add_member):
    cells = [
        {"seed.data": seed, LR: rate, WD: decay}
        for seed in (1, 2) for rate in (1e-3, 1e-2) for decay in (0.1, 1.0)
    ]  # fmt: skip
    folder = make_sweep(*[(cell, None) for cell in cells])
    for i, cell in enumerate(cells):
        norms = {"initial": 60.0, "t_train": 50.0, "t_val": 6.0 * cell["seed.data"]}
        add_member(i, cell, 10, 20, decay_per_step=cell[LR] * cell[WD], weight_norm=norms)
    first, second = theory.predictions(read_sweep(folder), KINDS)
    np.testing.assert_allclose(first / second, np.log(10) / np.log(5))
