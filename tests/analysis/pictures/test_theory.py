import numpy as np
import pytest

from grok.analysis import command
from grok.analysis.pictures import phase_diagram, theory
from grok.analysis.pictures.palette import SAFE
from grok.analysis.read.table import read_sweep
from grok.errors import UserError

LR, WD = "opt.lr_dec", "opt.wd_dec"
RATES, DECAYS = (1e-4, 1e-3, 1e-2), (0.0, 0.1, 1.0)
KINDS = ["phases"]


@pytest.fixture
def planed(make_sweep, add_member):
    """Members over learning rate and weight decay, the same in both groups; norms 60 to 6."""

    def make(norms=(4.0, 9.0), encoder=None, rates=RATES, decays=DECAYS, initial=60.0):
        settings = [{LR: rate, WD: decay} for decay in decays for rate in rates]
        folder = make_sweep(*[(setting, None) for setting in settings])
        for number, setting in enumerate(settings):
            rates_of_groups = {setting[LR], setting[LR] if encoder is None else encoder}
            shares = {rate * setting[WD] for rate in rates_of_groups}
            norm = norms[number] if number < len(norms) else None
            add_member(
                number, setting, 10, 20, decay_per_step=shares.pop() if len(shares) == 1 else None,
                weight_norm={"initial": initial, "t_train": 50.0, "t_val": norm},
            )  # fmt: skip
        return read_sweep(folder)

    return make


def test_the_prediction_of_every_cell(planed):
    """ln(w0 / w_c) / (lr x wd), w_c the geometric mean of 4 and 9; none without decay."""
    (image,) = theory.predictions(planed(), KINDS)
    expected = np.log(60 / 6) / np.outer([np.nan, 0.1, 1.0], RATES)
    np.testing.assert_allclose(image, expected)


def test_contours_lie_where_the_prediction_is_their_level(planed):
    sweep = planed(decays=(0.01, 0.1, 1.0, 10.0))
    images = theory.predictions(sweep, KINDS)
    figure = phase_diagram.discrete(sweep, SAFE)
    limits = figure.axes[0].get_xlim(), figure.axes[0].get_ylim()
    theory.draw_over(figure, images)
    (axes,) = figure.axes
    contours = axes.collections[0]
    # ln 10 / (lr x wd) is 2.3 x 10^n: from 2.3e1 in the corner to 2.3e6
    assert 10**contours.levels == pytest.approx([1e2, 1e3, 1e4, 1e5, 1e6])
    for level, path in zip(contours.levels, contours.get_paths(), strict=True):
        # Cell x, y stands for lr 10^(x - 4), wd 10^(y - 2).
        x, y = path.vertices.T
        assert np.log10(np.log(10)) - (x - 4) - (y - 2) == pytest.approx(np.full(len(x), level))
    assert (axes.get_xlim(), axes.get_ylim()) == limits
    assert {text.get_text() for text in axes.texts} <= {"100", "1000", "10000", "1e5", "1e6"}
    assert figure.legends[-1].get_texts()[0].get_text() == "T_val by the LU mechanism (steps)"


@pytest.mark.parametrize(
    ("low", "high", "levels"),
    [
        (1.5, 4.5, [2, 3, 4]),
        (1.9, 3.1, np.log10([100, 200, 500, 1000])),
        (np.log10(110), np.log10(190), [np.log10((110 * 190) ** 0.5)]),
    ],
)
def test_levels_are_round_where_they_can_be(low, high, levels):
    found = theory._levels(np.ma.masked_invalid([[low, high], [np.nan, low]]))
    assert found == pytest.approx(levels)


def test_the_command_draws_it_when_asked(planed):
    folder = planed().folder
    picture = folder / "analysis" / "phases.png"
    command.main([str(folder), "--kind", "phases"])
    without = picture.read_bytes()
    command.main([str(folder), "--kind", "phases", "--theory"])
    assert picture.read_bytes() != without


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
