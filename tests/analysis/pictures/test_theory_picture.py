import numpy as np
import pytest

from grok.analysis import command
from grok.analysis.numbers.theory import predictions
from grok.analysis.pictures import phase_diagram, theory
from grok.analysis.pictures.palette import SAFE

KINDS = ["phases"]


def test_contours_lie_where_the_prediction_is_their_level(planed):
    sweep = planed(decays=(0.01, 0.1, 1.0, 10.0))
    images = predictions(sweep, ["phases"])
    figure = phase_diagram.draw_phases(sweep, SAFE)
    limits = figure.axes[0].get_xlim(), figure.axes[0].get_ylim()
    theory.draw_prediction(figure, images)
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


def test_the_command_draws_it_when_asked(planed):
    folder = planed().folder
    picture = folder / "analysis" / "phases.png"
    command.main([str(folder), "--kind", "phases"])
    without = picture.read_bytes()
    command.main([str(folder), "--kind", "phases", "--theory"])
    assert picture.read_bytes() != without
