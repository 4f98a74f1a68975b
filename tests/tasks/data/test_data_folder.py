"""Nothing is fetched into a folder whose name may have been mistyped."""

import pytest

from grok.errors import UserError
from grok.tasks.data import folder, idx, reviews


@pytest.mark.parametrize(
    "load", [lambda path: idx.load("mnist", path), reviews.load], ids=["mnist", "imdb"]
)
def test_a_folder_that_is_not_there(load, tmp_path):
    with pytest.raises(UserError, match=r"data.dir=.*typo: isn't there; make it to have data fetc"):
        load(tmp_path / "typo")
    assert not (tmp_path / "typo").exists()


def test_the_default_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "DEFAULT", str(tmp_path / "grok"))
    folder.check_there(tmp_path / "grok")
    folder.check_there(tmp_path)
