"""Folders of runs and sweeps: new ones by default, each of one process at a time."""

import errno
import fcntl

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from grok.errors import ConfigError, UserError
from grok.record.names import LOCK
from grok.record.record import Plan, write_plan
from grok.sweeps import folders
from grok.sweeps.folders import new, owned, settled


def config(folder, *given, mode="run"):
    hydra = {mode: {"dir": str(folder)}, "overrides": {"hydra": list(given)}}
    return OmegaConf.create({"hydra": hydra})


def test_a_new_folder_never_has_been_anybodys(tmp_path):
    made = [new(tmp_path / "12-00-00", "hydra.run.dir").name for _ in range(3)]
    assert made == ["12-00-00", "12-00-00-1", "12-00-00-2"]


@pytest.mark.parametrize("mode", ["run", "sweep"])
def test_a_default_folder_is_new_and_one_that_was_given_is_taken_as_it_is(tmp_path, mode):
    default = config(tmp_path / "a b", mode=mode)
    assert settled(default, mode) == tmp_path / "a b"
    again = config(tmp_path / "a b", mode=mode)
    assert settled(again, mode) == tmp_path / "a b-1"
    assert again.hydra[mode].dir == str(tmp_path / "a b-1")
    assert again.hydra.overrides.hydra == [f'hydra.{mode}.dir="{tmp_path / "a b-1"}"']
    given = config(tmp_path / "a b", f"hydra.{mode}.dir={tmp_path / 'a b'}", mode=mode)
    assert settled(given, mode) == tmp_path / "a b"


@pytest.mark.parametrize("mode", ["run", "sweep"])
def test_a_home_is_found_wherever_the_folder_is_named(tmp_path, monkeypatch, mode):
    """In a file of the configuration, or in a mapping on the command line."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for word in ((), (f"hydra.{mode}={{dir:'~/a'}}",)):
        cfg = config("~/a", *word, mode=mode)
        assert settled(cfg, mode) == tmp_path / "a"
        assert cfg.hydra[mode].dir == str(tmp_path / "a")
        assert cfg.hydra.overrides.hydra[-1] == f"hydra.{mode}.dir={tmp_path / 'a'}"
    cfg = config("~/o'brien", mode=mode)
    assert settled(cfg, mode) == tmp_path / "o'brien"
    word = OverridesParser.create().parse_override(cfg.hydra.overrides.hydra[-1])
    assert word.value() == str(tmp_path / "o'brien")
    with pytest.raises(ConfigError, match=rf"hydra.{mode}.dir=~nobody-here/x: there is no such h"):
        settled(config("~nobody-here/x", mode=mode), mode)


def test_a_folder_belongs_to_one_at_a_time(tmp_path):
    with (
        owned(tmp_path / "run", "hydra.run.dir"),
        pytest.raises(UserError, match="run: another process is at work there; wait for it"),
        owned(tmp_path / "run", "hydra.run.dir"),
    ):
        pass
    with owned(tmp_path / "run", "hydra.run.dir"):
        assert (tmp_path / "run" / LOCK).exists()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOLCK, "No locks available"), "No locks available"),
        (NotImplementedError("no flock here"), "no flock here"),
    ],
)
def test_a_file_system_without_locks_is_named(error, reason, tmp_path, monkeypatch):
    def refuse(*_):
        raise error

    monkeypatch.setattr(folders.FileLock, "_acquire", refuse)
    with (
        pytest.raises(UserError, match=rf"can't be locked \({reason}\); choose a folder"),
        owned(tmp_path, "hydra.sweep.dir"),
    ):
        pass


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    for attempt in (new, lambda *arguments: owned(*arguments).__enter__()):
        with pytest.raises(UserError, match=r"hydra.run.dir=.*file(/a)?: "):
            attempt(tmp_path / "file" / "a", "hydra.run.dir")
    with pytest.raises(UserError, match="file: is a file; choose another folder"):
        new(tmp_path / "file", "hydra.run.dir")


def test_a_run_holds_its_folder_until_the_next(tmp_path, capsys):
    callback = folders.OwnFolder()
    callback.on_run_start(config(tmp_path / "mine"))
    with (tmp_path / "mine" / LOCK).open("w") as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    given = f"hydra.run.dir={tmp_path / 'mine'}"
    with owned(tmp_path / "theirs", "hydra.run.dir"), pytest.raises(SystemExit):
        callback.on_run_start(config(tmp_path / "theirs", f"hydra.run.dir={tmp_path / 'theirs'}"))
    assert "another process is at work there" in capsys.readouterr().err
    callback.on_run_start(config(tmp_path / "mine", given))


def test_a_run_in_a_sweep_s_folder_would_hide_the_sweep(tmp_path, capsys):
    write_plan(tmp_path, Plan([], [{}]))
    with pytest.raises(SystemExit):
        folders.OwnFolder().on_run_start(config(tmp_path, f"hydra.run.dir={tmp_path}"))
    assert f"hydra.run.dir={tmp_path}: holds a sweep; add -m" in capsys.readouterr().err
