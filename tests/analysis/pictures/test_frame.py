import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from grok.analysis.pictures import frame, phase_diagram
from grok.analysis.pictures.layout import choose
from grok.analysis.pictures.palette import SAFE
from grok.analysis.read.published import read
from grok.analysis.read.table import read_sweep
from grok.errors import UserError


@pytest.fixture
def wide(make_sweep):
    """Rates 1e-7, 1e-5, ... 10 and decays 1e-6, 1e-5, ... 1e3, a cell each."""
    rates, decays = [10.0**e for e in range(-7, 2, 2)], [10.0**e for e in range(-6, 4)]
    cells = [{"opt.lr_dec": rate, "opt.wd_dec": decay} for rate in rates for decay in decays]
    return read_sweep(make_sweep(*[(cell, (10, 20)) for cell in cells]))


def test_a_published_range_lies_between_the_cells(wide):
    # rates 1e-6 to 1 are halfway between cells 0 and 1, and 3 and 4; decays 1e-5 to 10 on cells
    assert frame.box(wide, read("re-tug/fig2-mnist")) == pytest.approx((0.5, 3.5, 1, 7))


def test_a_linear_axis(make_sweep):
    cells = [{"opt.lr_dec": 1.0, "opt.wd_dec": float(d)} for d in (0, 5, 10, 20)]
    cells += [cell | {"opt.lr_dec": 100.0} for cell in cells]
    sweep = read_sweep(make_sweep(*[(cell, (10, 20)) for cell in cells]))
    x = (-0.0, 0.0)  # the published rates end where these begin
    assert frame.box(sweep, read("re-tug/fig1-regression")) == pytest.approx((*x, 0, 2))


def test_every_panel_gets_it(wide):
    figure = phase_diagram.smooth(wide, SAFE)
    frame.draw_over(figure, choose(wide), (0.5, 3.5, 1, 7))
    (patch,) = [p for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    assert patch.get_bbox().extents.tolist() == [0.5, 1, 3.5, 7]
    red = [
        p for axes in figure.axes[1:] for p in axes.patches if p.get_edgecolor() == to_rgba("red")
    ]
    assert red == [], "colour bars have none"


def test_nothing_to_outline(make_sweep, wide):
    lone = read_sweep(make_sweep(({"opt.lr_dec": 1.0}, (1, 2)), ({"opt.lr_dec": 2.0}, (1, 2))))
    with pytest.raises(UserError, match=r"opt\.wd_dec isn't swept there; choose another"):
        frame.box(wide, lone)
    with pytest.raises(UserError, match="has no phase diagram to draw on"):
        frame.box(lone, wide)
