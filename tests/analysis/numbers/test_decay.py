import numpy as np
import pandas as pd
import pytest

from grok.analysis.numbers import decay
from grok.analysis.read.table import read_sweep


def test_the_fit_of_a_sweep(decays):
    (row,) = decay.decay_fits(decays()).to_dict("records")
    assert row["slope"] == pytest.approx(-1)
    assert row["high"] - row["low"] == pytest.approx(0, abs=1e-6)
    assert (row["points"], row["t_train_min"], row["t_train_max"]) == (3, 10, 10)
    predicted = np.log(60 / 6) / (1e-3 * np.array([0.01, 0.1, 1.0]))
    ratios = np.array([40_000, 4000, 400]) / predicted
    assert row["lu_ratio_min"] == pytest.approx(ratios.min())
    assert row["lu_ratio_max"] == pytest.approx(ratios.max())


def test_who_generalises_without_decay_says_nothing_of_its_ratio(decays):
    sweep = decays()
    (row,) = decay.decay_fits(sweep).to_dict("records")
    sweep.table.loc[sweep.table["opt.wd_dec"] == 0, ["t_val", "norm_at_t_val"]] = [7000, 55.0]
    (with_it,) = decay.decay_fits(sweep).to_dict("records")
    for name in ("lu_ratio_min", "lu_ratio_max"):
        assert with_it[name] == row[name]


def test_the_lu_prediction_has_no_free_parameter(decays):
    """ln(w0 / w_c) / (lr x wd), with w_c the geometric mean of the norms at T_val."""
    members = decays().table.sort_values("opt.wd_dec")
    predicted = decay.lu_prediction(members).to_numpy()
    assert np.isnan(predicted[0])
    np.testing.assert_allclose(predicted[1:], np.log(10) / (1e-3 * np.array([0.01, 0.1, 1, 10])))
    apart = members.assign(decay_per_step=np.nan)
    assert decay.lu_prediction(apart).isna().all()


def test_norms_of_zero_are_left_out_of_the_prediction(decays):
    """w_c is the mean of the norms at T_val that aren't 0; a member that starts at 0 has none."""
    members = decays().table.sort_values("opt.wd_dec", ignore_index=True)
    members.loc[1, "norm_at_t_val"] = 0.0
    members.loc[4, "initial_norm"] = 0.0
    predicted = decay.lu_prediction(members).to_numpy()
    assert np.isnan(predicted[[0, 4]]).all()
    np.testing.assert_allclose(predicted[1:4], np.log(10) / (1e-3 * np.array([0.01, 0.1, 1])))
    assert decay.lu_prediction(members.assign(initial_norm=0.0)).isna().all()
    assert decay.lu_prediction(members.assign(norm_at_t_val=0.0)).isna().all()


def test_what_does_not_generalise_is_counted(decays):
    """A fit of those that do alone is too flat, and says how many there were."""
    sweep = decays()
    sweep.table.loc[sweep.table["opt.wd_dec"] == 10, "t_val"] = pd.NA
    sweep.table.loc[sweep.table["opt.wd_dec"] == 1, "t_train"] = pd.NA
    (row,) = decay.decay_fits(sweep).to_dict("records")
    key = decay.decay_axis(sweep)
    law = decay.decay_law(decay.decay_lines(sweep, key), key)
    assert (row["points"], row["given"]) == (law.points, law.given)
    assert law.given > law.points
    assert decay.law_text(law).endswith(f"{law.points} of {law.given} points)")
    assert np.isnan(row["t_train_max"])


def test_a_fit_for_each_learning_rate(decays):
    found = decay.decay_fits(decays(1e-3, 2e-3))
    assert found["opt.lr_dec"].tolist() == [1e-3, 2e-3]
    assert found["slope"].tolist() == pytest.approx([-1, -1])


def test_a_weight_decay_is_what_the_records_call_so(tmp_path, add_member):
    for number, shrink in enumerate((0.5, 1.0, 2.0, 4.0)):
        roles = {"opt.shrink": "weight decay"}
        add_member(number, {"opt.shrink": shrink}, 10, round(1000 / shrink), roles=roles)
    (row,) = decay.decay_fits(read_sweep(tmp_path)).to_dict("records")
    assert row["slope"] == pytest.approx(-1)
    for number, shrink in enumerate((0.5, 1.0, 2.0, 4.0)):
        add_member(number, {"opt.shrink": shrink}, 10, round(1000 / shrink), roles={})
    assert decay.decay_fits(read_sweep(tmp_path)) is None
