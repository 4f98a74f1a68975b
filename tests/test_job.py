"""Whether a run has finished, and what is left where one fails."""

import pytest
from omegaconf import OmegaConf

from grok import job
from grok.errors import ConfigError
from grok.record.names import ERROR
from grok.record.record import read_record
from tests.analysis.conftest import make_record

CONFIG = {"data": {"dir": "here"}, "opt": {"lr_dec": 1.0}}


@pytest.fixture
def finished(tmp_path):
    from grok.record.record import write_record

    write_record(tmp_path, make_record({}, 100, 200, config=CONFIG))
    return tmp_path


def test_nothing_has_finished_in_an_empty_folder(tmp_path):
    assert job.finished_alike(tmp_path, OmegaConf.create(CONFIG)) is False


@pytest.mark.parametrize("moved", [{}, {"data": {"dir": "there"}}, {"callbacks": {"x": 1}}])
def test_the_same_run_has_finished(finished, moved):
    (finished / ERROR).touch()
    assert job.finished_alike(finished, OmegaConf.create(CONFIG | moved)) is True
    assert not (finished / ERROR).exists()


def test_another_run_has(finished):
    with pytest.raises(ConfigError, match=r"opt.lr_dec=2.0: was 1.0 before in .*; choose another"):
        job.finished_alike(finished, OmegaConf.create(CONFIG | {"opt": {"lr_dec": 2.0}}))


def test_an_error_is_not_left_beside_a_record(finished, tmp_path):
    job.leave_error(finished, ValueError("late"))
    assert not (finished / ERROR).exists()
    assert read_record(finished).steps == 200
    other = tmp_path / "other"
    other.mkdir()
    job.leave_error(other, ValueError("early"))
    assert "ValueError: early" in (other / ERROR).read_text()
