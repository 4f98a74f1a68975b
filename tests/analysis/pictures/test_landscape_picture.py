import numpy as np
import pandas as pd
import pytest

from grok.analysis import command, report
from grok.analysis.numbers import landscape as landscape_numbers
from grok.analysis.numbers.kinds import KINDS
from grok.analysis.pictures import landscape
from grok.analysis.pictures.catalogue import PICTURES
from grok.analysis.pictures.palette import SAFE
from grok.analysis.read.table import read_sweep
from grok.errors import UserError
from tests.analysis.special_sweeps import ALPHAS

CONFIG = {"norm": {"constrain": True, "groups": ["encoder", "decoder"]}}


def test_an_l_and_a_u(valley):
    (axes,) = landscape.draw_landscape(read_sweep(valley()), SAFE).axes
    lines = {line.get_label(): line.get_xydata() for line in axes.lines}
    np.testing.assert_allclose(lines["train loss"][:, 0], [2.5, 5, 10, 20, 40])
    assert lines["test loss"][:, 1].argmin() == 2
    assert lines["w_c, lowest test loss"][:, 0].tolist() == [10, 10]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_a_norm_of_zero_is_in_the_table_and_in_no_picture(valley):
    """Its test loss is the lowest of all, but it has no place on a logarithmic axis."""
    sweep = read_sweep(valley(alphas=(0.0, *ALPHAS)))
    assert landscape_numbers.landscape_table(sweep)["norm"].tolist() == [0, 2.5, 5, 10, 20, 40]
    (axes,) = landscape.draw_landscape(sweep, SAFE).axes
    lines = {line.get_label(): line.get_xydata() for line in axes.lines}
    assert lines["test loss"][:, 0].tolist() == [2.5, 5, 10, 20, 40]
    assert lines["w_c, lowest test loss"][:, 0].tolist() == [10, 10]
    (figure,) = report.contents(sweep, SAFE)["figures"]
    assert figure["data"][0]["x"] == [2.5, 5, 10, 20, 40]
    assert figure["layout"]["shapes"][0]["x0"] == 10


def test_norms_of_zero_alone(valley):
    sweep = read_sweep(valley(alphas=(0.0, 0.0)))
    figure = landscape.draw_landscape(sweep, SAFE)
    assert [len(line.get_xdata()) for line in figure.axes[0].lines] == [0, 0]
    figure.draw_without_rendering()  # no warning of an axis without logarithms
    report.contents(sweep, SAFE)


def test_maps_with_a_norm_of_zero(valley):
    sweep = read_sweep(valley(sizes=(100, 200, 400), alphas=(0.0, 0.5, 1.0)))
    figure = landscape.draw_landscape(sweep, SAFE)
    figure.draw_without_rendering()
    losses = figure.axes[1].images[0].get_array()
    assert (losses == 1e-9).sum() == 3
    report.contents(sweep, SAFE)


def test_some_rows_of_a_map_as_an_l_and_a_u(valley):
    sizes = (100, 200, 400, 800, 1600, 3200, 6400)
    axes = landscape.draw_slices(read_sweep(valley(sizes=sizes)), SAFE).axes
    assert [one.get_title() for one in axes] == [
        f"task.train_size={size}" for size in (100, 400, 1600, 6400)
    ]
    for one in axes:
        lines = {line.get_label(): line.get_xydata() for line in one.lines}
        np.testing.assert_allclose(lines["test loss"][:, 0], [2.5, 5, 10, 20, 40])
        assert lines["test loss"][:, 1].argmin() == 2


def test_no_rows_without_a_map(valley, grid_sweep):
    assert landscape.draw_slices(read_sweep(valley()), SAFE) is None
    assert landscape.draw_slices(read_sweep(grid_sweep), SAFE) is None


def test_maps_over_two_keys(valley):
    figure = landscape.draw_landscape(read_sweep(valley(sizes=(100, 200, 400))), SAFE)
    images = {axes.get_title(): axes.images[0].get_array() for axes in figure.axes if axes.images}
    assert set(images) == {name.replace("_", " ") for name in landscape_numbers.LANDSCAPE_MAPS}
    error = images["best test error"]
    assert sorted(error.shape) == [3, 5]
    rows = error if error.shape == (3, 5) else error.T
    expected = [abs(np.log10(alpha)) for alpha in sorted(ALPHAS)]
    np.testing.assert_allclose(rows, [expected] * 3, atol=1e-12)


def test_a_constrained_sweep_gets_a_landscape_and_no_phases(valley, capsys):
    folder = valley()
    command.main([str(folder)])
    names = sorted(path.name for path in (folder / "analysis").iterdir())
    assert names == ["grid.csv", "landscape.csv", "landscape.pdf", "landscape.png", "report.html"]
    written = pd.read_csv(folder / "analysis" / "landscape.csv")
    assert written["alpha"].tolist() == sorted(ALPHAS)
    assert "tables" in capsys.readouterr().out


@pytest.mark.parametrize(("constrain", "sizes"), [(True, (100,)), (False, (100, 200))])
def test_the_command_takes_a_norm_of_zero(valley, constrain, sizes):
    folder = valley(constrain, sizes, alphas=(0.0, 0.5, 1.0))
    command.main([str(folder)])
    written = pd.read_csv(folder / "analysis" / "grid.csv")
    assert written["initial_norm"].tolist() == [0, 5, 10] * len(sizes)


def test_kind_decides(valley):
    folder = valley(constrain=False)
    command.main([str(folder)])
    assert not (folder / "analysis" / "landscape.csv").exists()
    command.main([str(folder), "--kind", "landscape"])
    assert (folder / "analysis" / "landscape.csv").exists()
    with pytest.raises(UserError, match="--kind curves: nothing of that kind can be drawn of"):
        command.main([str(folder), "--kind", "curves"])


def test_kinds_are_those_there_are():
    assert tuple(PICTURES) == KINDS
