"""The LSTM that reads reviews."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from grok import check_task
from grok.errors import ConfigError
from grok.tasks.data import reviews
from grok.tasks.imdb import Encoder, IMDb, parts

FOLDER = os.environ["GROK_DATA_DIR"]


def test_a_quarter_of_each_sentiment_validates():
    labels = np.array([0, 1] * 20 + [1] * 8)
    train, val = parts(labels, 3)
    assert sorted(train + val) == list(range(48))
    assert np.bincount(labels[val]).tolist() == [5, 7]
    assert parts(labels, 3) == (train, val)
    for counts, validating in (((501, 499), [125, 125]), ((10, 7), [3, 2]), ((9, 8), [3, 2])):
        labels = np.repeat([0, 1], counts)
        assert np.bincount(labels[parts(labels, 3)[1]]).tolist() == validating
    labels = np.array([0, 1] * 20 + [1] * 8)
    assert parts(labels, 4)[1] != val


def test_the_vocabulary_is_that_of_the_reviews_that_train():
    task = IMDb(data_dir=FOLDER, size=60, vocabulary=30, length=50)
    data = task.data(0)
    loaded = reviews.load(Path(FOLDER))
    train, val = parts(loaded.labels[:60], 0)
    words = [reviews.words(loaded.texts[i]) for i in train]
    numbers = reviews.vocabulary(words, 30)
    known = [numbers[word] for word in words[7] if word in numbers][:50]
    assert data.train["inputs"][7].tolist() == [0] * (50 - len(known)) + known
    assert data.train["labels"].tolist() == [float(loaded.labels[i]) for i in train]
    assert len(data.val["labels"]) == len(val)


@pytest.mark.parametrize("shortest", [0, 1, 30])
def test_padding_read_once_is_as_padding_read_by_each(shortest):
    """States and gradients of a plain LSTM over the whole length, of rows of any length."""
    torch.manual_seed(0)
    encoder = Encoder(20, 6, 5, 2).double()
    lengths = [*torch.randint(shortest, 38, (12,)).tolist(), shortest, 37]
    tokens = torch.zeros(len(lengths), 37, dtype=torch.int64)
    for row, length in zip(tokens, lengths, strict=True):
        row[37 - length :] = torch.randint(1, 20, (length,))
    outputs = encoder(tokens)
    expected = encoder.lstm(encoder.embedding(tokens))[0][:, -1]
    torch.testing.assert_close(outputs, expected, rtol=1e-12, atol=1e-14)
    weights = torch.randn_like(expected)
    mine, plain = (
        torch.autograd.grad((weights * each).sum(), list(encoder.parameters()))
        for each in (outputs, expected)
    )
    torch.testing.assert_close(mine, plain, rtol=1e-10, atol=1e-13)


def test_loss_and_correctness_of_probabilities():
    task, batch = IMDb(), {"labels": torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64)}
    outputs = torch.tensor([0.8, 0.4, 0.0], dtype=torch.float64)
    expected = -(np.log(0.8) + np.log(0.6) - 100) / 3
    assert task.loss_of(outputs, batch).item() == pytest.approx(expected)
    assert task.correct(outputs, batch).tolist() == [True, True, False]


def test_what_has_diverged_has_a_loss_that_tells():
    batch = {"labels": torch.tensor([1.0, 0.0])}
    assert IMDb().loss_of(torch.tensor([0.5, torch.nan]), batch).isnan()


def test_the_number_that_trains():
    for size in (20, 41, 60):
        task = IMDb(data_dir=FOLDER, size=size)
        assert task.train_samples() == len(parts(reviews.load(Path(FOLDER)).labels[:size], 0)[0])


def test_validated_at_the_ends_of_epochs():
    task = IMDb(data_dir=FOLDER, size=60, batch_size=20, every=5)  # 46 train, in three minibatches
    assert [*task.evaluations(16)] == [6, 12, 15]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"size": 61}, "task.size=61: must be from 8 to 60, all there are"),
        ({"size": 8}, "task.size=8: takes less than four reviews of a sentiment"),
        ({"length": 0}, "task.length=0: must be at least 1"),
    ],
)
def test_mistakes_are_named(settings, line):
    with pytest.raises(ConfigError, match=line):
        check_task(IMDb(**{"data_dir": FOLDER, "size": 60} | settings))


def test_ones_own_table_serves(tmp_path):
    rows = [(f"good film {i}", "positive") for i in range(8)]
    rows += [(f"bad film {i}", "negative") for i in range(8)]
    pd.DataFrame(rows, columns=["review", "sentiment"]).to_csv(tmp_path / "imdb_reviews.csv")
    task = IMDb(data_dir=str(tmp_path), size=16, vocabulary=3, length=4)
    check_task(task)
    assert len(task.data(0).val["labels"]) == 4
