"""T_train and T_val of known cells, however they are trained.

The first of each toy task is a calibration point of the published code. The others come from a
plain PyTorch loop (``bench/plain.py``). Two implementations with the same draws agree to rounding
while the dynamics is smooth. Those of MNIST are published (Re-TUG, Figure 2), and met to the step.
"""

import pytest

from grok import job
from grok.composing import compose

GOLDEN = {
    "regression": [
        # lr_dec, wd_dec, data seed, model seed, T_train, T_val
        (10**-3.95, 0.0, 42, 101, 1444, 2117),
        (2e-4, 1.0, 42, 102, 1007, 1294),
        (1.6e-4, 3.0, 42, 102, 1274, 1757),
        (2e-4, 2.0, 41, 103, 830, 1308),
        (3e-4, 4.0, 43, 101, 1762, 1831),
    ],
    "classification": [
        (10**-3.95, 4.0, 42, 101, 1840, 1987),
        (3e-4, 1.0, 42, 102, 468, 549),
        (3e-4, 6.0, 43, 102, 544, 525),
    ],
}


def members_of(objective, make_member):
    return [
        make_member(
            f"{i}",
            lr=lr,
            wd=wd,
            data=data,
            model=model,
            budget=2500,
            objective=objective,
        )
        for i, (lr, wd, data, model, _, _) in enumerate(GOLDEN[objective])
    ]


@pytest.mark.parametrize("objective", GOLDEN)
def test_golden_steps(objective, make_member, train_members):
    records = train_members(members_of(objective, make_member))
    for record, (*_, t_train, t_val) in zip(records, GOLDEN[objective], strict=True):
        assert record.t_train == pytest.approx(t_train, rel=0.01)
        assert record.t_val == pytest.approx(t_val, rel=0.01)
        assert record.phase == "comprehension"
        assert record.steps == max(record.t_train, record.t_val)
        assert record.stop_reason == "early_stop"


@pytest.mark.long
def test_golden_phases_compiled(make_member, train_members):
    """A cell that comprehends, one that groks and one that memorises, compiled, in one stack."""
    members = [
        make_member("comprehends", lr=10**-3.95, wd=0.0, model=101, budget=5000),
        make_member("groks", lr=10**-4.4, wd=6.0, budget=11_000),
        make_member("memorises", lr=10**-2.6, wd=0.0, budget=1000),
    ]
    first, second, third = train_members(members, "engine.compile=true", size=2)
    assert first.compiled
    assert (first.phase, second.phase, third.phase) == ("comprehension", "grokking", "memorization")
    for record, t_train, t_val in ((first, 1444, 2117), (second, 6881, 9771)):
        assert record.t_train == pytest.approx(t_train, rel=0.01)
        assert record.t_val == pytest.approx(t_val, rel=0.01)
    assert third.t_train == pytest.approx(265, rel=0.01)
    assert third.t_val is None


MNIST = [
    # lr_dec, weight decay, T_train, T_val
    (10 ** (-4 / 3), 10 ** (-1 / 3), 110, 130),
    (10 ** (-2 / 3), 10 ** (1 / 3), 40, 40),
    (1.0, 0.1, 80, 85),
    (1.0, 10 ** (-5 / 3), 135, 160),
]


@pytest.mark.long
@pytest.mark.parametrize(
    ("precision", "compiled"),
    [
        ("64-true", "true"),
        ("64-true", "false"),
        ("32-true", "false"),
        pytest.param("32-true", "true", marks=pytest.mark.slow),
    ],
)
def test_published_steps_of_mnist(precision, compiled, tmp_path, train_members):
    members = []
    for i, (lr, wd, *_) in enumerate(MNIST):
        cfg = compose("task=mnist", f"opt.lr_dec={lr}", f"opt.wd_dec={wd}", "phase.budget=200")
        members.append(job.make_member(cfg, tmp_path / str(i), "mnist", {}))
    options = f"trainer.precision={precision}", f"engine.compile={compiled}"
    records = train_members(members, *options, size=2)
    assert [(record.t_train, record.t_val) for record in records] == [cell[2:] for cell in MNIST]
