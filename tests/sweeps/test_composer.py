"""Fast composition gives what Hydra gives."""

import dataclasses
import pickle

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf
from omegaconf.errors import ValidationError

from grok.composing import CONF, register
from grok.sweeps.composer import Composer, copies


@pytest.fixture
def composer():
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        master = hydra_compose("config", return_hydra_config=True)
        OmegaConf.set_readonly(master.hydra, False)
        yield Composer(GlobalHydra.instance().config_loader(), master)


@pytest.mark.long
@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["opt.lr_dec=1e-3", "opt.wd_dec=2"],
        ["opt.lr_dec=1", "seed.data=41", "phase.early_stop=false"],
        ["task=toy_classification", "opt.lr_dec=1e-3", "task.p=7"],
        ["task=mnist", "opt.wd_dec=3", "task.width=7"],
        ["task=mnist", "opt.wd_enc=3", "trainer.precision=32-true"],
        ["opt.betas=[0.8,0.9]"],
        ["experiment=re_tug/fig3", "phase.budget=50"],
        ["measures=[embeddings,rqi]", "measures.embeddings.every=5"],
        ["~callbacks.curves", "opt.wd_dec=3"],
        ["+callbacks.extra._target_=grok.callbacks.Curves", "task.init_scale=2"],
        ["opt.wd_enc=${opt.wd_dec}", "opt.wd_dec=7"],
        ["logger=csv", "trainer.precision=64-true"],
        ["task.activation=relu", "task.activation=tanh"],
    ],
)
def test_a_job_equals_hydras_own(composer, overrides):
    job = composer.compose(overrides)
    expected = hydra_compose("config", list(overrides))
    assert OmegaConf.to_container(job.cfg, resolve=False) == OmegaConf.to_container(
        expected, resolve=False
    )
    assert type(job.cfg.phase.threshold) is float


def test_jobs_do_not_leak_into_each_other(composer):
    first = composer.compose(["opt.lr_dec=1e-3"]).cfg
    assert composer.compose(["opt.wd_dec=3"]).cfg.opt.lr_dec == 1e-4
    assert first.opt.lr_dec == 1e-3


def test_a_job_is_composed_once(composer):
    assert composer.compose(["opt.wd_dec=3"]) is composer.compose(["opt.wd_dec=3"])


def test_settings_are_typed_and_name_groups_by_their_option(composer):
    job = composer.compose(
        ["task=toy_classification", "phase.threshold=1", "seed.data=41", "~callbacks.curves"]
    )
    assert job.settings == {"task": "toy_classification", "phase.threshold": 1.0, "seed.data": 41}
    assert type(job.settings["phase.threshold"]) is float


def test_mistakes_are_found(composer):
    with pytest.raises(ConfigCompositionException, match=r"Could not override 'opt.lr_dc'"):
        composer.compose(["opt.lr_dc=1"])
    with pytest.raises(ValidationError, match="could not be converted to Float"):
        composer.compose(["phase.threshold=abc"])


def test_copies_of_what_cannot_be_pickled():
    made = dataclasses.make_dataclass("Made", [("rate", float, 0.5)])
    cfg = OmegaConf.create({"part": made})
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(cfg)
    one, other = copies(cfg)(), copies(cfg)()
    one.part.rate = 2
    assert (one.part.rate, other.part.rate, cfg.part.rate) == (2, 0.5, 0.5)
