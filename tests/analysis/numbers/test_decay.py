import numpy as np
import pytest

from grok.analysis.numbers import decay
from grok.analysis.read.table import read_sweep


def test_the_fit_of_a_sweep(decays):
    (row,) = decay.decay_fits(decays()).to_dict("records")
    assert row["slope"] == pytest.approx(-1)
    assert row["high"] - row["low"] == pytest.approx(0, abs=1e-6)
    assert (row["points"], row["t_train_min"], row["t_train_max"]) == (3, 10, 10)
    predicted = np.log(60 / 6) / (1e-3 * np.array([0.01, 0.1, 1.0]))
    expected = np.exp(np.log(np.array([40_000, 4000, 400]) / predicted).mean())
    assert row["lu_ratio"] == pytest.approx(expected)


def test_who_generalises_without_decay_says_nothing_of_its_ratio(decays):
    sweep = decays()
    (row,) = decay.decay_fits(sweep).to_dict("records")
    sweep.table.loc[sweep.table["opt.wd_dec"] == 0, ["t_val", "norm_at_t_val"]] = [7000, 55.0]
    (with_it,) = decay.decay_fits(sweep).to_dict("records")
    assert with_it["lu_ratio"] == row["lu_ratio"]


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
