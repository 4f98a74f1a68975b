"""Reviews are found, fetched or asked for; and as numbers of words."""

import io
import sys
import tarfile
from pathlib import Path

import pytest
import torchvision

from grok.errors import UserError
from grok.tasks.data import reviews


def test_words():
    text = "It's <br />a GREAT, great film - 10/10 (and 2nd-best)!"
    assert reviews.words(text) == ["its", "br", "a", "great", "great", "film", "and", "ndbest"]


def test_the_most_frequent_words_but_stop_words():
    texts = [["the", "film", "the", "good"], ["the", "good", "film", "film", "bad"]]
    assert reviews.vocabulary(texts, 2) == {"film": 1, "good": 2}
    assert reviews.vocabulary(texts, 9) == {"film": 1, "good": 2, "bad": 3}


def test_numbers_are_padded_on_the_left_and_cut_at_the_end():
    numbers = {"film": 1, "good": 2}
    texts = [["good", "odd", "film"], ["film", "good", "good", "film", "film"], ["odd"]]
    rows = reviews.numbered(texts, numbers, 4)
    assert rows.tolist() == [[0, 0, 2, 1], [1, 2, 2, 1], [0, 0, 0, 0]]


@pytest.fixture
def archive(tmp_path):
    """An archive as it is published, of a few reviews and what else is in it."""
    path = tmp_path / "archive.tar.gz"
    with tarfile.open(path, "w:gz") as files:
        for name, text in {
            "aclImdb/train/pos/0_9.txt": "A fine film.",
            "aclImdb/test/neg/1_2.txt": 'Dull, "dull",\ndull.',
            "aclImdb/train/unsup/0_0.txt": "Of no sentiment.",
            "aclImdb/README": "Nothing.",
        }.items():
            file = tarfile.TarInfo(name)
            file.size = len(text)
            files.addfile(file, io.BytesIO(text.encode()))
    return path


def test_reviews_are_fetched_once(archive, tmp_path, monkeypatch):
    asked = []

    def download(url, folder, name, md5):
        asked.append((url, md5))
        Path(folder, name).write_bytes(archive.read_bytes())

    monkeypatch.setattr(torchvision.datasets.utils, "download_url", download)
    folder = tmp_path / "data"
    folder.mkdir()
    loaded = reviews.load(folder)
    assert asked == [(reviews.ARCHIVE, reviews.MD5)]
    assert dict(zip(loaded.texts, loaded.labels, strict=True)) == {
        "A fine film.": 1,
        'Dull, "dull",\ndull.': 0,
    }
    reviews.load.cache_clear()
    assert reviews.load(folder).texts == loaded.texts
    assert len(asked) == 1


def test_what_to_put_where_if_there_is_no_network(tmp_path, monkeypatch):
    def download(*_):
        raise OSError("no route to host")

    monkeypatch.setattr(torchvision.datasets.utils, "download_url", download)
    place = tmp_path / "imdb" / "imdb_reviews.csv.gz"
    with pytest.raises(UserError, match=rf"\(no route to host\); put a table .* at {place}"):
        reviews.load(tmp_path)
    assert not place.exists()


def test_torchvision_is_asked_for_where_it_is_needed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(
        UserError, match=r"\(no torchvision here: pip install 'grokphase\[fetch\]'\)"
    ):
        reviews.load(tmp_path)
    (tmp_path / "imdb_reviews.csv").write_text("review,sentiment\nFine.,positive\n")
    assert reviews.load(tmp_path).texts == ["Fine."]


@pytest.mark.parametrize("content", ["review,sentiment\nFine.,fine\n", "a,b\n1,2\n", ""])
def test_a_table_of_something_else_is_named(content, tmp_path):
    (tmp_path / "imdb_reviews.csv").write_text(content)
    with pytest.raises(UserError, match=r"imdb_reviews\.csv: no table of reviews"):
        reviews.load(tmp_path)
