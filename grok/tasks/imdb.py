"""Whether a film review is positive, by an LSTM.

Source: Omnigrok, section 4 (Figure 4); Maas et al. 2011, "Learning Word Vectors for Sentiment
Analysis".
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from grok.errors import UserError
from grok.tasks.data import reviews
from grok.tasks.data.folder import at_home
from grok.tasks.task import Batch, Data, Task, epoch_ends

SEGMENT = 10
"""Positions between the places where a row may leave the padding that all rows share."""


class Encoder(nn.Module):
    """An embedding and an LSTM, read to its last position."""

    def __init__(self, words: int, width: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, hidden, layers, batch_first=True)

    def forward(self, tokens: Tensor) -> Tensor:
        """The last state, shape (rows, hidden), for numbers of words of shape (rows, length).

        As long as rows are padded on the left they are all alike. One row of nothing but padding is
        read for all of them, and each goes on from its state where its own words begin.
        """
        rows, length = tokens.shape
        words = tokens != reviews.PADDING
        first = torch.where(words.any(1), words.int().argmax(1), length - 1)
        begins, order = (first // SEGMENT * SEGMENT).sort(stable=True)
        tokens = torch.cat([tokens[order], torch.full_like(tokens[:1], reviews.PADDING)])
        ends = sorted({*begins.tolist(), length} - {0})
        state: tuple[Tensor, Tensor] | None = None
        start = 0
        for end in ends:
            joined = int((begins <= start).sum())
            reading = [*range(joined), rows] if end < length else [*range(joined)]
            if state is not None:
                state = _joining(state, len(reading))
            outputs, state = self.lstm(self.embedding(tokens[reading, start:end]), state)
            start = end
        last: Tensor = outputs[order.argsort(), -1]
        return last


def _joining(state: tuple[Tensor, Tensor], rows: int) -> tuple[Tensor, Tensor]:
    """A state of so many rows: those there are, then the last of them, the padding, again."""
    before = state[0].shape[1] - 1
    picked = torch.arange(rows, device=state[0].device).clamp(max=before)
    return state[0][:, picked], state[1][:, picked]


class ReviewNetwork(nn.Module):
    """The probability that a review is positive."""

    def __init__(self, words: int, width: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.encoder = Encoder(words, width, hidden, layers)
        self.decoder = nn.Linear(hidden, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Shape (rows,) for numbers of words of shape (rows, length)."""
        probability: Tensor = self.decoder(self.encoder(tokens)).sigmoid().squeeze(-1)
        return probability


@dataclass(frozen=True)
class IMDb(Task):
    """Sentiment of film reviews (Omnigrok, section 4, Figure 4).

    Attributes:
        data_dir: folder where the reviews are looked for, and fetched to.
        size: reviews, the first of the table; a quarter, with as many of each sentiment, validates.
        vocabulary: number of words that are told apart, the most frequent of the training reviews;
            others are left out.
        length: words of a review, the first ones; shorter ones are padded on the left.
        batch_size: reviews in a minibatch.
        width: of the embedding.
        hidden: of each layer of the LSTM (256 in the public code).
        layers: of the LSTM.
        every: optimizer steps from one validation to the next, or to the end of that epoch.
    """

    STACKABLE: ClassVar[bool] = False
    SIZES: ClassVar[tuple[str, ...]] = ("size",)

    data_dir: str = "."
    size: int = 1000
    vocabulary: int = 1000
    length: int = 500
    batch_size: int = 50
    width: int = 64
    hidden: int = 128
    layers: int = 2
    every: int = 30

    def problems(self) -> Iterable[str]:
        """A line for each key out of range; fetches the reviews if they aren't there."""
        yield from super().problems()
        sizes = ("vocabulary", "length", "batch_size", "width", "hidden", "layers", "every")
        for key in sizes:
            if getattr(self, key) < 1:
                yield f"task.{key}={getattr(self, key)}: must be at least 1"
        try:
            labels = self._reviews().labels[: max(self.size, 0)]
        except UserError as error:
            yield str(error)
            return
        if not 8 <= self.size <= (available := len(self._reviews().labels)):
            yield f"task.size={self.size}: must be from 8 to {available}, all there are"
        elif min(np.bincount(labels, minlength=2)) < 4:
            yield f"task.size={self.size}: takes less than four reviews of a sentiment; take more"

    def _reviews(self) -> reviews.Reviews:
        return reviews.load(at_home("data.dir", self.data_dir))

    def network(self) -> nn.Module:
        """The LSTM, drawn from PyTorch's generator as it stands."""
        return ReviewNetwork(self.vocabulary + 1, self.width, self.hidden, self.layers)

    def data(self, seed: int) -> Data:
        """Reviews as numbers of words that are frequent in those that train."""
        labels = self._reviews().labels[: self.size]
        texts = _words(at_home("data.dir", self.data_dir), self.size)
        train, val = parts(labels, seed)
        numbers = reviews.vocabulary((texts[i] for i in train), self.vocabulary)

        def batch(rows: list[int]) -> Batch:
            tokens = reviews.numbered([texts[i] for i in rows], numbers, self.length)
            return {
                "inputs": torch.from_numpy(tokens),
                "labels": torch.from_numpy(labels[rows]).double(),
            }

        return Data(batch(train), batch(val))

    def train_samples(self) -> int:
        """Reviews that are trained on."""
        return self.size - _quarter(self.size)

    def minibatch(self) -> int:
        """The batch size, or all reviews where there are fewer."""
        return min(self.batch_size, self.train_samples())

    def evaluations(self, budget: int) -> Sequence[int]:
        """The first end of an epoch after each so many steps."""
        return epoch_ends(self.every, self.train_samples(), self.minibatch(), budget)

    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Binary cross-entropy of the probabilities, their logarithm being clamped at -100."""
        if outputs.isnan().any():  # PyTorch's function refuses what has diverged
            return outputs.mean()
        return nn.functional.binary_cross_entropy(outputs, batch["labels"])

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Whether the likelier sentiment is the right one."""
        right: Tensor = outputs.round() == batch["labels"]
        return right


def parts(labels: np.ndarray[Any, Any], seed: int) -> tuple[list[int], list[int]]:
    """Numbers of the reviews that train, and of a quarter, which validate.

    Of each sentiment a quarter too, as nearly as whole numbers can be.
    """
    order = np.random.RandomState(seed).permutation(len(labels))
    share = np.bincount(labels, minlength=2) * _quarter(len(labels)) / len(labels)
    counts = np.floor(share).astype(int)
    counts[np.argmax(share - counts)] += _quarter(len(labels)) - counts.sum()
    val: list[int] = []
    for sentiment, count in enumerate(counts):
        val += [int(i) for i in order if labels[i] == sentiment][:count]
    held_out = set(val)
    return [int(i) for i in order if int(i) not in held_out], val


def _quarter(size: int) -> int:
    return -(-size // 4)


@functools.lru_cache(maxsize=4)
def _words(folder: Path, size: int) -> list[list[str]]:
    return [reviews.words(text) for text in reviews.load(folder).texts[:size]]
