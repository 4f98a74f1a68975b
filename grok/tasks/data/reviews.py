"""Film reviews in a table: found in a folder, or fetched into it; and as numbers of words.

Source: Maas, Daly, Pham, Huang, Ng and Potts, "Learning Word Vectors for Sentiment Analysis", 2011.
"""

from __future__ import annotations

import collections
import functools
import hashlib
import re
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from grok.errors import UserError, first_line
from grok.record.files import atomic_path
from grok.tasks.data.folder import located_or_fetched, torchvision_datasets

FOLDER = "imdb"
NAMES = ("imdb_reviews.csv.gz", "imdb_reviews.csv", "IMDB Dataset.csv")
ARCHIVE = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
MD5 = "7c2ac02c03563afcf9b574c7e56c153a"
PADDING = 0
"""Instead of a word's number, which are counted from 1."""
SENTIMENTS = {"negative": 0, "positive": 1}
STOP_WORDS = frozenset(
    (Path(__file__).parent / "stop_words.txt").read_text(encoding="utf-8").split()
)


class Reviews(NamedTuple):
    """Texts, and 1 for each positive one, else 0."""

    texts: list[str]
    labels: np.ndarray[Any, np.dtype[np.int64]]


@functools.cache
def load(folder: Path) -> Reviews:
    """The reviews in a table with the columns ``review`` and ``sentiment``, fetched if need be.

    Raises:
        UserError: it is neither there nor to be had, or damaged; the line says what to put where.
    """
    path = located_or_fetched(FOLDER, folder, lambda: located(folder), lambda: fetched(folder))
    try:
        table = pd.read_csv(path, keep_default_na=False)
        labels = [SENTIMENTS[sentiment] for sentiment in table["sentiment"]]
        return Reviews(table["review"].tolist(), np.array(labels))
    except Exception as error:  # whatever a damaged file may raise
        raise UserError(
            f"{path}: no table of reviews ({type(error).__name__}: {first_line(error)}); replace "
            "it by one with the columns review and sentiment, positive or negative"
        ) from None


def located(folder: Path) -> Path | None:
    """Where below `folder` the table is."""
    places = [where / name for where in (folder / FOLDER, folder) for name in NAMES]
    return next((path for path in places if path.is_file()), None)


def fetched(folder: Path) -> Path:
    """Download all 50,000 reviews into `folder`, as a table in the order of their names' SHA-256.

    Raises:
        UserError: they can't be reached.
    """
    path = folder / FOLDER / NAMES[0]
    try:
        with tempfile.TemporaryDirectory() as temporary:
            fetch = torchvision_datasets().utils.download_url
            fetch(ARCHIVE, temporary, "reviews.tar.gz", MD5)
            table = unpacked(Path(temporary, "reviews.tar.gz"))
        with atomic_path(path) as whole:
            table.to_csv(whole, index=False, compression="gzip")
    except Exception as error:  # whatever a network may bring about
        raise UserError(
            f"data.dir={folder}: the reviews of IMDb aren't there and can't be fetched "
            f"({first_line(error)}); put a table with the columns review and sentiment at {path}, "
            "or set data.dir or GROK_DATA_DIR to a folder that has it"
        ) from None
    return path


def unpacked(archive: Path) -> pd.DataFrame:
    """The labelled reviews of the published archive."""
    rows = {}
    with tarfile.open(archive) as files:
        for file in files:
            found = re.search(r"(?:train|test)/(pos|neg)/[^/]+\.txt$", file.name)
            content = files.extractfile(file) if found else None
            if found and content:
                name = hashlib.sha256(found[0].encode()).hexdigest()
                sentiment = {"pos": "positive", "neg": "negative"}[found[1]]
                rows[name] = (content.read().decode(), sentiment)
    return pd.DataFrame([rows[name] for name in sorted(rows)], columns=["review", "sentiment"])


def words(text: str) -> list[str]:
    """Its words in lower case, without digits and punctuation."""
    cleaned = (re.sub(r"[\W\d]", "", word) for word in text.lower().split())
    return [word for word in cleaned if word]


def vocabulary(texts: Iterable[Sequence[str]], size: int) -> dict[str, int]:
    """Numbers from 1 of the most frequent words but stop words, the most frequent first."""
    counted = collections.Counter(word for text in texts for word in text)
    for word in STOP_WORDS:
        del counted[word]
    return {word: i for i, (word, _) in enumerate(counted.most_common(size), 1)}


def numbered(
    texts: Sequence[Sequence[str]], numbers: dict[str, int], length: int
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Numbers of the known words of each text, the first `length`, padded on the left."""
    rows = np.full((len(texts), length), PADDING)
    for row, text in zip(rows, texts, strict=True):
        known = [numbers[word] for word in text if word in numbers][:length]
        row[length - len(known) :] = known
    return rows
