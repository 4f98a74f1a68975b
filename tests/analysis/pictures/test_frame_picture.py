from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from grok.analysis.numbers.layout import choose
from grok.analysis.pictures import frame, phase_diagram
from grok.analysis.pictures.palette import SAFE


def test_every_panel_gets_it(wide):
    figure = phase_diagram.draw_smooth(wide, SAFE)
    frame.draw_frame(figure, choose(wide), (0.5, 3.5, 1, 7))
    (patch,) = [p for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    assert patch.get_bbox().extents.tolist() == [0.5, 1, 3.5, 7]
    red = [
        p for axes in figure.axes[1:] for p in axes.patches if p.get_edgecolor() == to_rgba("red")
    ]
    assert red == [], "colour bars have none"
