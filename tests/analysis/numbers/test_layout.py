import itertools

import numpy as np

from grok.analysis.numbers.labels import (
    axis_label,
    left_out,
)
from grok.analysis.numbers.layout import cells, choose, phase_layout, swept
from grok.analysis.read.table import read_sweep

RATES = (1e-3, 1e-4)
DECAYS = (0, 1)


def product(**values):
    """Every combination, as settings of jobs that all end the same."""
    settings = [{}]
    for key, choices in values.items():
        name = key.replace("__", ".")
        settings = [old | {name: choice} for old in settings for choice in choices]
    return [(setting, (100, 200)) for setting in settings]


def layout_of(make_sweep, **values):
    return choose(read_sweep(make_sweep(*product(**values))))


def test_two_keys_put_the_learning_rate_on_x(make_sweep):
    layout = layout_of(make_sweep, opt__wd_dec=DECAYS, opt__lr_dec=RATES)
    assert (layout.x, layout.y) == ("opt.lr_dec", "opt.wd_dec")
    assert layout.xs == [1e-4, 1e-3]
    assert layout.ys == [0, 1]
    assert layout.panels == [{}]
    assert (layout.rows, layout.columns) == (1, 1)


def test_two_other_keys_keep_their_order(make_sweep):
    layout = layout_of(make_sweep, alpha=(1, 2), size=(10, 20, 30))
    assert (layout.x, layout.y) == ("alpha", "size")


def test_axes_are_the_decoder_s_before_longer_keys(make_sweep):
    layout = layout_of(make_sweep, seed=(1, 2, 3), opt__wd_dec=DECAYS, opt__lr_dec=RATES)
    assert (layout.x, layout.y) == ("opt.lr_dec", "opt.wd_dec")
    assert layout.panels == [{"seed": 1}, {"seed": 2}, {"seed": 3}]
    assert (layout.rows, layout.columns) == (1, 3)


def test_axes_are_the_longest_keys_otherwise(make_sweep):
    layout = layout_of(make_sweep, seed=(1, 2), opt__lr_enc=(1, 2, 3), alpha=(1, 2, 3, 4))
    assert (layout.x, layout.y) == ("opt.lr_enc", "alpha")
    assert layout.panels == [{"seed": 1}, {"seed": 2}]


def test_seeds_are_axes_of_nothing_else(make_sweep):
    """However many there are; as they are none of a refined sweep."""
    layout = layout_of(make_sweep, seed__model=(1, 2, 3, 4, 5), alpha=(1, 2, 3), size=(1, 2))
    assert (layout.x, layout.y) == ("alpha", "size")
    assert len(layout.panels) == 5


def test_of_many_panels_the_first_are_drawn(make_sweep):
    sweep = read_sweep(make_sweep(*product(a=(1, 2), b=(3, 4), t=[f"t{i}" for i in range(30)])))
    layout = choose(sweep)
    assert layout.panels == [{"t": f"t{i}"} for i in range(24)]
    assert (layout.rows, layout.columns, layout.left_out) == (4, 6, 6)
    assert left_out(layout) == "the first 24 of 30 panels"
    assert (len(choose(sweep, maps=4).panels), choose(sweep, maps=4).left_out) == (6, 24)
    assert phase_layout(sweep) == layout


def test_many_panels_of_two_keys_have_no_more_columns_than_others(make_sweep):
    texts = [f"t{i}" for i in range(30)]
    layout = layout_of(make_sweep, a=(1, 2), b=(3, 4), s=("x", "y"), t=texts)
    assert (layout.rows, layout.columns, layout.left_out) == (4, 6, 36)


def test_many_seeds_are_summed_up_instead(make_sweep):
    jobs = product(opt__lr_dec=RATES, opt__wd_dec=DECAYS, seed__data=range(25))
    assert phase_layout(read_sweep(make_sweep(*jobs))) is None
    jobs = product(opt__lr_dec=RATES, opt__wd_dec=DECAYS, seed__data=range(24))
    assert phase_layout(read_sweep(make_sweep(*jobs))) is not None


def test_two_further_keys_are_rows_and_columns(make_sweep):
    layout = layout_of(
        make_sweep, data=(41, 42), model=(1, 2, 3), opt__lr_dec=RATES, opt__wd_dec=DECAYS
    )
    assert (layout.rows, layout.columns) == (2, 3)
    assert layout.panels[0] == {"data": 41, "model": 1}
    assert layout.panels[2] == {"data": 41, "model": 3}
    assert layout.panels[3] == {"data": 42, "model": 1}


def test_many_panels_wrap(make_sweep):
    layout = layout_of(make_sweep, seed=range(8), opt__lr_dec=RATES, opt__wd_dec=DECAYS)
    assert (layout.rows, layout.columns, len(layout.panels)) == (2, 6, 8)


def test_texts_make_panels_in_their_own_order(make_sweep):
    layout = layout_of(
        make_sweep, opt__lr_dec=RATES, opt__wd_dec=DECAYS, act=("relu", "leaky_relu", "tanh")
    )
    assert layout.panels == [{"act": "relu"}, {"act": "leaky_relu"}, {"act": "tanh"}]


def test_one_number_and_one_text_make_panels_of_lines(make_sweep):
    layout = layout_of(make_sweep, act=("relu", "tanh"), opt__lr_dec=RATES)
    assert (layout.x, layout.y) == ("opt.lr_dec", None)
    assert layout.panels == [{"act": "relu"}, {"act": "tanh"}]


def test_a_lone_text_is_x(make_sweep):
    layout = layout_of(make_sweep, act=("relu", "tanh"))
    assert (layout.x, layout.y, layout.xs) == ("act", None, ["relu", "tanh"])


def test_keys_of_one_value_are_not_swept(make_sweep):
    sweep = read_sweep(make_sweep(*product(opt__lr_dec=RATES, opt__wd_dec=(3,))))
    assert swept(sweep) == {"opt.lr_dec": [1e-4, 1e-3]}
    assert (choose(sweep).x, choose(sweep).y) == ("opt.lr_dec", None)


def test_nothing_swept_has_no_axes(add_member):
    layout = choose(read_sweep(add_member(0)))
    assert (layout.x, layout.y, layout.panels) == (None, None, [{}])


def test_cells_have_small_y_on_top_and_gaps_where_missing(grid_sweep):
    sweep = read_sweep(grid_sweep)
    layout = choose(sweep)
    image = cells(sweep.table, layout, {}, sweep.table["t_train"].astype(float))
    expected = [[500, 200, 70], [600, np.nan, np.nan]]
    np.testing.assert_array_equal(image, expected)


def test_the_records_say_which_key_is_an_axis_first(tmp_path, add_member):
    """By the roles that an optimizer of whatever keys has given."""
    roles = {"opt.shrink": "decoder weight decay", "opt.rate": "decoder learning rate"}
    settings = [{"opt.shrink": d, "task.p": p, "opt.rate": r} for d, p, r in product_of(2, 3, 2)]
    for number, setting in enumerate(settings):
        add_member(number, setting, roles=roles)
    layout = choose(read_sweep(tmp_path))
    assert (layout.x, layout.y) == ("opt.rate", "opt.shrink")
    assert axis_label("opt.rate", layout.roles) == "decoder learning rate (opt.rate)"
    for number, setting in enumerate(settings):
        add_member(number, setting, roles={})
    assert (choose(read_sweep(tmp_path)).x, choose(read_sweep(tmp_path)).y) == (
        "opt.shrink", "task.p",
    )  # fmt: skip


def product_of(*counts):
    return itertools.product(*map(range, counts))


def test_a_landscape_goes_on_no_seed(landscape):
    """Members that are held at their norms form an L and a U for each seed."""
    layout = choose(landscape("seed.model", (1, 2)))
    assert (layout.x, layout.y) == ("task.init_scale", None)
    assert layout.panels == [{"seed.model": 1}, {"seed.model": 2}]
