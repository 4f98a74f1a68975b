"""The jobs of a sweep: counted before they are made, each once, numbered as before."""

import logging
import random
from dataclasses import replace

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from grok.composing import CONF, register
from grok.errors import ConfigError, UserError
from grok.record.record import write_plan, write_record
from grok.sweeps.plan import cell, opened, prepare, report_failures
from tests.analysis.conftest import make_record


@pytest.fixture
def planned(tmp_path):
    """Prepares a sweep of these words into `tmp_path`."""

    def plan(*arguments, master=()):
        register()
        with initialize_config_dir(str(CONF), version_base="1.3"):
            cfg = hydra_compose("config", list(master), return_hydra_config=True)
            OmegaConf.set_readonly(cfg.hydra, False)
            cfg.hydra.sweep.dir = str(tmp_path)
            return prepare(GlobalHydra.instance().config_loader(), cfg, list(arguments))

    return plan


def jobs(sweep):
    return [list(job.values()) for job in sweep.plan.jobs]


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["opt.lr_dec=1e-3,0.001,1E-3,1e-2"], [[1e-3], [1e-2]]),
        (["opt.wd_dec=0,0.0,-0.0,1"], [[0], [1]]),
        (["task=toy_regression,toy_regression"], [["toy_regression"]]),
        (["opt.betas=[0.9,0.99],[0.90,0.99],[0.9,0.999]"], [[[0.9, 0.99]], [[0.9, 0.999]]]),
    ],
)
def test_equal_cells_are_trained_once(planned, words, left, caplog):
    with caplog.at_level(logging.WARNING):
        sweep = planned(*words)
    assert jobs(sweep) == left
    assert len(sweep.plan.overrides) == len(left)
    assert "repeat another's settings and are left out" in caplog.text


def test_the_last_word_about_a_key_counts(planned):
    """However it is written: all launchers are to train the same."""
    sweep = planned(
        "opt.lr_dec=1e-4,1e-3", "opt.wd_dec=1,2", "++opt.lr_dec=0.5", "++opt.wd_dec=3,4"
    )
    assert jobs(sweep) == [[3], [4]]
    words = [["++opt.lr_dec=0.5", f"++opt.wd_dec={decay}"] for decay in (3, 4)]
    assert sweep.plan.overrides == words
    assert [sweep.job(i).opt.lr_dec for i in (0, 1)] == [0.5, 0.5]


def test_what_differs_is_another_cell():
    assert len({cell({"a": value}) for value in (1, "1", True, None, [1], {"b": 1}, 2**60)}) == 7
    assert cell({"a": 1, "b": [0.0]}) == cell({"b": [-0.0], "a": 1.0})
    assert cell({"a": 2**60}) != cell({"a": 2**60 + 1})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["opt.lr_dec=range(0,1e9)"], "opt.lr_dec: sweeps over 1000000000 values"),
        (["seed.data=range(1000)", "seed.model=range(2000)"], "seed.model: sweeps over 2000"),
        (["seed.data=range(0,10,1e-6)"], "seed.data: sweeps over 10000000 values"),
        (["experiment=re_tug/fig3,re_tug/fig4"], "experiment=re_tug/fig3: sets a hydra.sweeper of"),
        (["seed.model=${hydra:job.num}", "seed.data=1,2"], "seed.model=${hydra:job.num}: can't"),
    ],
)  # fmt: skip
def test_what_makes_no_sweep(planned, words, message):
    with pytest.raises(ConfigError) as raised:
        planned(*words)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("master", "words", "message"),
    [
        ([], [], "hydra.sweeper.refine=true: needs hydra/launcher=stacked, which waits for phases"),
        (
            ["hydra/launcher=stacked", "hydra.sweeper.max_batch_size=5"],
            [],
            "hydra.sweeper.max_batch_size=5: must be null with refine=true",
        ),
        (
            ["hydra/launcher=stacked"],
            ["norm.constrain=true"],
            "norm.constrain=true: phases say nothing at a norm that is held; leave hydra.sweeper."
            "refine out",
        ),
    ],
)
def test_what_can_not_be_refined(planned, master, words, message):
    with pytest.raises(ConfigError) as raised:
        planned("opt.lr_dec=1e-3,1e-2", *words, master=[*master, "hydra.sweeper.refine=true"])
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("master", "word", "message"),
    [
        (
            ["hydra/launcher=stacked", "hydra.sweeper.refine=true"],
            "logger=csv",
            "logger=csv: watches one run after another, which a refined sweep or a cluster can't",
        ),
        (
            ["hydra/launcher=stacked", "hydra.launcher.cluster=slurm"],
            "logger=csv",
            "logger=csv: watches one run after another, which a refined sweep or a cluster can't",
        ),
        (
            ["hydra/launcher=stacked", "hydra.job.chdir=true"],
            "seed.data=1",
            "hydra.job.chdir=true: many jobs train in one process here; leave it out",
        ),
        (
            ["hydra/launcher=stacked", "+hydra.job.env_set.X=${hydra:job.num}"],
            "seed.data=1",
            "hydra.job.env_set.X=${hydra:job.num}: may differ between jobs, of which many train in",
        ),
        (
            ["hydra/launcher=joblib"],
            "trainer=gpu",
            "trainer=gpu: all processes of hydra/launcher=joblib would train on the first of 2",
        ),
    ],
)
def test_what_a_launcher_can_not_do_with(planned, master, word, message, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(ConfigError) as raised:
        planned("opt.lr_dec=1e-3,1e-2", word, master=master)
    assert str(raised.value).startswith(message)


def test_a_member_of_another_configuration_is_not_gone_on_with(planned):
    """Though the plan, which is that of the first job, is the same."""
    sweep = planned("task=toy_regression,toy_classification")
    config = OmegaConf.to_container(sweep.job(1), resolve=True)
    config["task"]["width"] = 17
    write_record(sweep.folder / "1", make_record({}, 1, 2, config=config))
    with pytest.raises(ConfigError, match=r"task.width=200: was 17 before in .*/1; choose another"):
        opened(sweep).__enter__()


def test_what_refers_to_others_may_be_elsewhere_by_now(planned):
    """A logger's folder is known to a running job alone, and data move."""
    words = ["seed.model=1,2", "logger=csv", "task=mnist"]
    sweep = planned(*words)
    told = OmegaConf.merge(sweep.job(0), {"logger": {"csv": {"save_dir": "/there"}}})
    config = OmegaConf.to_container(
        OmegaConf.merge(told, {"data": {"dir": "/there"}}), resolve=True
    )
    assert "/there" in config["task"].values()
    write_record(sweep.folder / "0", make_record({}, 1, 2, config=config))
    with opened(sweep):
        pass


def test_a_run_s_folder_is_no_sweep_s(planned):
    sweep = planned("opt.lr_dec=1e-3,1e-2")
    write_record(sweep.folder, make_record({}, 1, 2))
    with pytest.raises(ConfigError, match=r"hydra.sweep.dir=.*: holds a single run; choose"):
        opened(sweep).__enter__()


def test_a_check_that_takes_long_is_said(planned, monkeypatch, capsys):
    monkeypatch.setattr("grok.sweeps.plan.MANY", 3)
    planned("seed.model=range(2)")
    assert capsys.readouterr().out == ""
    planned("seed.model=range(3)")
    assert capsys.readouterr().out == "checking 3 jobs, a few milliseconds each\n"


def test_lists_may_be_swept_and_come_back(planned):
    for _ in range(2):
        sweep = planned("opt.betas=[0.9,0.99],[0.9,0.999]")
        with opened(sweep):
            pass
    sweep = planned("opt.betas=[0.9,0.99],[0.8,0.9]")
    with (
        pytest.raises(ConfigError, match=r"opt.betas: sweeps over \[\[0.9, 0.99\], \[0.8"),
        opened(sweep),
    ):
        pass


def test_a_plan_with_repeated_cells_goes_on(planned):
    """As earlier versions wrote them: each job keeps the folder that it had."""
    first = planned("opt.lr_dec=1e-3,1e-2")
    one, two = first.plan.jobs
    write_plan(first.folder, replace(first.plan, jobs=[one, two, dict(one)]))
    sweep = planned("opt.lr_dec=1e-3,0.001,1e-2")
    with opened(sweep):
        assert jobs(sweep) == [[1e-3], [1e-2], [1e-3]]
        assert [job[-1] for job in sweep.plan.overrides] == [
            "opt.lr_dec=0.001",
            "opt.lr_dec=0.01",
            "opt.lr_dec=0.001",
        ]
    other = planned("opt.lr_dec=1e-3,5")
    with pytest.raises(ConfigError, match=r"opt.lr_dec: sweeps over"), opened(other):
        pass


def test_failures_of_the_same_cause_are_counted(tmp_path):
    """But for the first ones, so that a sweep of thousands doesn't hide it."""
    results = [JobReturn(overrides=[f"a={i}"], status=JobStatus.COMPLETED) for i in range(40)]
    for i in range(1, 38):
        results[i].status = JobStatus.FAILED
        results[i].return_value = ValueError("odd one" if i == 3 else "no room")
    with pytest.raises(UserError) as raised:
        report_failures(tmp_path, dict(enumerate(results)))
    lines = str(raised.value).splitlines()
    assert lines[0] == f"{tmp_path}/1 (a=1): ValueError: no room"
    assert lines[10:] == [
        "and 26 more: ValueError: no room",
        f"{tmp_path}/3 (a=3): ValueError: odd one",
        "37 of 40 jobs failed",
    ]


def test_shuffled_jobs_keep_their_numbers(planned):
    random.seed(1)
    first = planned("seed.model=shuffle(1,2,3,4,5,6)")
    with opened(first):
        pass
    random.seed(2)
    second = planned("seed.model=shuffle(1,2,3,4,5,6)")
    assert jobs(second) != jobs(first)
    with opened(second):
        assert jobs(second) == jobs(first)
        assert second.plan.overrides == first.plan.overrides
    assert second.plan == first.plan
