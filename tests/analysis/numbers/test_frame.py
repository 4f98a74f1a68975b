import pytest

from grok.analysis.numbers import frame
from grok.analysis.read.published import read
from grok.analysis.read.table import read_sweep
from grok.errors import UserError


def test_a_published_range_lies_between_the_cells(wide):
    # rates 1e-6 to 1 are halfway between cells 0 and 1, and 3 and 4; decays 1e-5 to 10 on cells
    assert frame.frame_box(wide, read("re-tug/fig2-mnist"), ["phases"]) == pytest.approx(
        (0.5, 3.5, 1, 7)
    )


def test_a_linear_axis(make_sweep):
    cells = [{"opt.lr_dec": 1e-6, "opt.wd_dec": float(d)} for d in (0, 5, 10, 20)]
    cells += [cell | {"opt.lr_dec": 1e-2} for cell in cells]
    sweep = read_sweep(make_sweep(*[(cell, (10, 20)) for cell in cells]))
    x = (0.25, 1)  # the published rates begin a decade of four above these
    found = frame.frame_box(sweep, read("re-tug/fig1-regression"), ["phases"])
    assert found == pytest.approx((*x, 0, 2))
    with pytest.raises(UserError, match=r"opt.lr_dec goes from 1e-06 to 0.01 there, beyond 1e-05 "):
        frame.frame_box(read("re-tug/fig1-regression"), sweep, ["phases"])


def test_nothing_to_outline(make_sweep, wide):
    lone = read_sweep(make_sweep(({"opt.lr_dec": 1.0}, (1, 2)), ({"opt.lr_dec": 2.0}, (1, 2))))
    with pytest.raises(UserError, match=r"opt\.wd_dec isn't swept there; choose another"):
        frame.frame_box(wide, lone, ["phases"])
    with pytest.raises(UserError, match="has no phase diagram to draw on"):
        frame.frame_box(lone, wide, ["phases"])
    with pytest.raises(UserError, match="has no phase diagram to draw on"):
        frame.frame_box(wide, wide, ["curves"])
