"""What the axes of a sweep expand to."""

import numpy as np

from grok.composing import compose, linspace, logspace


def test_axes_are_exact_where_they_can_be():
    assert logspace(-5, -2, 4) == [1e-5, 1e-4, 1e-3, 1e-2]
    assert linspace(0, 10, 3) == [0.0, 5.0, 10.0]


def test_axes_of_a_configuration():
    cfg = compose("experiment=re_tug/fig2", "hydra.sweeper.grid=3", return_hydra_config=True)
    assert cfg.hydra.sweeper.params == {
        "opt.lr_dec": "1e-06,0.001,1.0",
        "opt.wd_dec": "1e-05,0.01,10.0",
    }
    rates = compose("experiment=re_tug/fig2", return_hydra_config=True).hydra.sweeper.params
    found = [float(rate) for rate in rates["opt.lr_dec"].split(",")]
    np.testing.assert_allclose(found, np.logspace(-6, 0, 10), rtol=1e-15)
