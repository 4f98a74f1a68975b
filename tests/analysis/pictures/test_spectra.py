import numpy as np
import pytest

from grok.analysis.pictures import spectra
from grok.analysis.pictures.palette import SAFE
from grok.analysis.read.table import read_sweep
from grok.record.names import FOURIER

POWER = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.1, 0.8, 0.1]])


@pytest.fixture
def sweep(make_sweep, add_curves, tmp_path):
    folder = make_sweep(*[({"opt.wd_dec": wd}, (10, 100)) for wd in (0.0, 1.0, 2.0)])
    add_curves(tmp_path / "0")
    for job in (0, 1):
        np.savez(tmp_path / str(job) / FOURIER, steps=[0, 10, 100], power=POWER)
    return read_sweep(folder)


def test_shares_beside_the_accuracies(sweep):
    figure = spectra.draw_spectra(sweep, SAFE)
    above, without_curves, below, _ = figure.axes[:4]
    assert [line.get_label() for line in above.lines] == ["train", "validation"]
    assert len(without_curves.lines) == 0
    (image,) = below.collections
    np.testing.assert_allclose(image.get_array(), POWER[1:].T)  # step 0 is left out
    assert below.get_xscale() == "log"
    corners = image.get_coordinates()[0, :, 0]
    np.testing.assert_allclose(corners, 10.0 ** np.array([0.5, 1.5, 2.5]))
    assert above.get_title() == "opt.wd_dec=0"
    assert figure.get_suptitle() == "2 of 3 members"
    figure.draw_without_rendering()


def test_the_initialisation_alone_has_no_place(sweep, tmp_path):
    np.savez(tmp_path / "0" / FOURIER, steps=[0], power=POWER[:1])
    figure = spectra.draw_spectra(sweep, SAFE)
    assert len(figure.axes[2].collections) == 0
    figure.draw_without_rendering()


def test_nothing_recorded_is_no_picture(grid_sweep):
    assert spectra.draw_spectra(read_sweep(grid_sweep), SAFE) is None


def test_a_damaged_file_is_as_none(sweep, tmp_path):
    np.savez(tmp_path / "0" / FOURIER, steps=[0], power=POWER)
    figure = spectra.draw_spectra(sweep, SAFE)
    assert [axes.get_title() for axes in figure.axes[:2]] == ["opt.wd_dec=1", ""]
    (line,) = sweep.damaged.values()
    assert f"{tmp_path}/0/fourier.npz: damaged (steps of shape (1,), power of shape (3, 3))" in line
