import numpy as np
import pytest
from matplotlib.colors import to_hex

from grok.analysis.numbers.matching import match
from grok.analysis.pictures import agreement_map
from grok.analysis.pictures.palette import SAFE
from grok.analysis.read import published
from grok.analysis.read.table import read_sweep
from grok.phases import Phase
from tests.analysis.special_sweeps import LR, WD

FIGURE_1 = "re-tug/fig1-regression"


def test_the_picture_shows_where_they_differ(pair):
    here, there = pair
    figure = agreement_map.draw_agreement(match(read_sweep(here), read_sweep(there)), SAFE)
    first, second, third, fourth, bar = figure.axes
    assert first.get_title() == f"A: {here.parent.name}/a"
    assert second.get_title() == f"B: {here.parent.name}/b"
    codes = [np.ma.filled(axes.images[0].get_array(), np.nan).tolist() for axes in (first, second)]
    assert codes == [[[0, 1, 1], [2, 3, 0]], [[0, 0, 1], [2, 3, 0]]]
    assert third.get_title() == "different: 1 of 6"
    upper, lower = third.patches
    assert [to_hex(half.get_facecolor()) for half in (upper, lower)] == [
        to_hex(SAFE[Phase.GROKKING]),
        to_hex(SAFE[Phase.COMPREHENSION]),
    ]
    assert upper.get_xy().min(axis=0).tolist() == [0.5, -0.5]  # column 1, row 0
    logs = np.ma.filled(fourth.images[0].get_array(), np.nan)
    np.testing.assert_allclose(logs, [[0, np.log10(2), 0], [np.nan, np.nan, 0]])
    assert bar.get_ylim() == pytest.approx((-np.log10(2), np.log10(2)))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(Phase)


def test_the_picture_of_undecided_and_missing_cells(sweep_in):
    rates = (1e-5, 1e-2)
    members = [({LR: rate, WD: decay}, (100, None)) for rate in rates for decay in (0, 10)][:3]
    found = match(
        read_sweep(sweep_in("a", *members, budget=20_000)), published.read(FIGURE_1), 20_000
    )
    figure = agreement_map.draw_agreement(found, SAFE)
    assert len(figure.axes) == 3, "no times, no map of them"
    (undecided,) = figure.axes[2].collections
    assert len(undecided.get_paths()) == 3
    assert figure.axes[2].get_title() == "different: 0 of 0"
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == [*Phase, "undecided", "missing"]


def test_a_row_of_maps_for_each_further_setting(sweep_in):
    def sweep(name):
        return read_sweep(
            sweep_in(
                name,
                *[
                    ({LR: rate, WD: decay, "seed.data": seed}, (1, 2))
                    for seed in (41, 42)
                    for rate in (1, 2)
                    for decay in (0, 1)
                ],
            )
        )

    figure = agreement_map.draw_agreement(match(sweep("a"), sweep("b")), SAFE)
    titles = [axes.get_title().partition("\n")[0] for axes in figure.axes]
    assert titles[0:8:4] == ["seed.data=41", "seed.data=42"]


def test_implied_cells_are_hatched_in_their_own_map(refined):
    found = match(read_sweep(refined("full", refine=False)), read_sweep(refined()))
    figure = agreement_map.draw_agreement(found, SAFE)
    hatched = [sum(len(each.get_paths()) for each in axes.collections) for axes in figure.axes[:3]]
    assert hatched == [0, 27, 0]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == [*Phase, "implied"]
