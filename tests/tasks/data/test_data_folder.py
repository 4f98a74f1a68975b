"""Nothing is fetched into a folder whose name may have been mistyped."""

import pytest

from grok.checks.config import problems
from grok.composing import compose
from grok.errors import UserError
from grok.tasks.data import folder, idx, reviews


@pytest.mark.parametrize(
    "load", [lambda path: idx.load("mnist", path), reviews.load], ids=["mnist", "imdb"]
)
def test_a_folder_that_is_not_there(load, tmp_path):
    with pytest.raises(UserError, match=r"data.dir=.*typo: isn't there; make it to have data fetc"):
        load(tmp_path / "typo")
    assert not (tmp_path / "typo").exists()


def test_what_can_not_be_fetched_is_tried_once_for_a_sweep(tmp_path, monkeypatch):
    """Its jobs ask one after another; later it is tried again."""
    tried = []

    def fetch():
        tried.append(1)
        raise UserError("no network")

    for _ in range(3):
        with pytest.raises(UserError, match="no network"):
            folder.located_or_fetched("set", tmp_path, lambda: None, fetch)
    assert len(tried) == 1
    assert folder.located_or_fetched("set", tmp_path, lambda: tmp_path, fetch) == tmp_path
    monkeypatch.setattr(folder, "AGAIN", 0.0)
    with pytest.raises(UserError, match="no network"):
        folder.located_or_fetched("set", tmp_path, lambda: None, fetch)
    assert len(tried) == 2


def test_who_comes_while_another_fetches_waits_for_it(tmp_path):
    asked = []

    def locate():
        asked.append((tmp_path / ".set.lock").exists())
        return tmp_path if len(asked) > 1 else None

    def fetch():
        raise AssertionError("is there by now")

    assert folder.located_or_fetched("set", tmp_path, locate, fetch) == tmp_path
    assert asked == [False, True]


def test_a_folder_that_can_not_be_read(tmp_path):
    def locate():
        raise PermissionError(13, "Permission denied")

    with pytest.raises(UserError, match=r"data.dir=.*: can't be read \(Permission denied\)"):
        folder.located_or_fetched("set", tmp_path, locate, lambda: tmp_path)


@pytest.mark.parametrize("task", ["mnist", "imdb"])
def test_a_home_that_there_is_not(task):
    (line,) = problems(compose(f"task={task}", "data.dir='~nobody_here/data'"))
    assert line.startswith("data.dir=~nobody_here/data: there is no such home folder; write")


def test_the_default_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "DEFAULT", str(tmp_path / "grok"))
    folder.check_there(tmp_path / "grok")
    folder.check_there(tmp_path)
