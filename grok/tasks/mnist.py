"""Images of digits, or of clothes, from few examples and large initial weights.

Source: Re-TUG, section 3.2; Omnigrok, section 3.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from grok.errors import UserError
from grok.tasks.data import idx
from grok.tasks.data.folder import at_home
from grok.tasks.task import MOST_LAYERS, Batch, Data, Task, steps_per_epoch

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}
CLASSES = 10
LOSSES = ("mse", "cross_entropy")
SUBSETS = ("random", "first")
CONSTANTS = {
    "images": None,
    "integers": [float(label) for label in range(CLASSES)],
    "code": np.linspace(-0.5, 0.5, CLASSES).tolist(),
}
"""Of each representation the pixels of the constant image that stands for a label."""
LEAST = {"width": 1, "depth": 2, "batch_size": 1, "train_size": 1, "val_size": 1}


class MLP(nn.Module):
    """`depth` linear layers; the encoder is all but the last, the decoder the last."""

    def __init__(self, inputs: int, width: int, depth: int, activation: str) -> None:
        super().__init__()
        sizes = [inputs, *[width] * (depth - 1)]
        # the published draws are those of double precision
        self.encoder = nn.Sequential(
            *itertools.chain.from_iterable(
                (nn.Linear(n, m, dtype=torch.float64), ACTIVATIONS[activation]())
                for n, m in itertools.pairwise(sizes)
            )
        )
        self.decoder = nn.Linear(sizes[-1], CLASSES, dtype=torch.float64)

    def forward(self, images: Tensor) -> Tensor:
        """Outputs of shape (samples, 10) for images of shape (samples, pixels)."""
        outputs: Tensor = self.decoder(self.encoder(images))
        return outputs


@dataclass(frozen=True)
class MNIST(Task):
    """Classification of 28 x 28 images (Re-TUG, section 3.2).

    Trained on a subset of the training images, validated on the first test images. Accuracy is
    measured after an epoch, at about 1000 epochs evenly spaced in their logarithm: train accuracy
    over that epoch's minibatches, each before its update, validation accuracy after it.

    Attributes:
        dataset: ``mnist`` or ``fashion_mnist``.
        data_dir: folder where it is looked for, and fetched to.
        train_size: number of training images.
        subset: which these are: ``random``, drawn from the data seed, or the ``first``, as in
            Omnigrok's public code.
        val_size: number of test images, the first of the set; None for all. The published times
            are those of the first 1000, though the paper speaks of the whole set.
        batch_size: images in a minibatch; a last one that isn't full is left out of its epoch.
        width: of the hidden layers.
        depth: number of linear layers.
        activation: ``relu`` or ``tanh``.
        loss: ``mse`` on one-hot targets, or ``cross_entropy``.
        representation: what the network sees: ``images``, or a mixture m image + (1 - m) constant
            (Omnigrok, Figure 8), where the constant is the label (``integers``, as in the paper) or
            from -0.5 to 0.5 by label (``code``, as in its public code).
        messiness: m, from 0 (the label alone) to 1 (the image alone).
    """

    VARYING: ClassVar[tuple[str, ...]] = ("init_scale", "messiness")
    SIZES: ClassVar[tuple[str, ...]] = ("train_size", "val_size")
    DROP_LAST: ClassVar[bool] = True  # another shape would be compiled for each number of images

    init_scale: float = 9.0
    dataset: str = "mnist"
    data_dir: str = "."
    train_size: int = 1000
    val_size: int | None = 1000
    batch_size: int = 200
    width: int = 200
    depth: int = 3
    activation: str = "relu"
    loss: str = "mse"
    subset: str = "random"
    representation: str = "images"
    messiness: float = 1.0

    def problems(self) -> Iterable[str]:
        """A line for each key out of range; fetches the images if they aren't there."""
        yield from super().problems()
        for key, choices in (
            ("dataset", idx.FOLDERS),
            ("activation", ACTIVATIONS),
            ("loss", LOSSES),
            ("subset", SUBSETS),
            ("representation", CONSTANTS),
        ):
            if getattr(self, key) not in choices:
                yield f"task.{key}={getattr(self, key)}: must be one of {', '.join(choices)}"
        for key, least in LEAST.items():
            value = getattr(self, key)
            if value is not None and value < least:
                yield f"task.{key}={value}: must be at least {least}"
        if self.depth > MOST_LAYERS:
            yield f"task.depth={self.depth}: must be at most {MOST_LAYERS}"
        if not 0 <= self.messiness <= 1:
            yield f"task.messiness={self.messiness}: must be from 0 to 1"
        elif self.representation == "images" and self.messiness != 1:
            yield (
                f"task.messiness={self.messiness}: images alone are not mixed; leave it at 1, or "
                "set task.representation=integers or code"
            )
        if self.dataset in idx.FOLDERS:
            yield from self._data_problems()

    def _data_problems(self) -> Iterable[str]:
        try:
            parts = self._parts()
        except UserError as error:
            yield str(error)
            return
        for key, part in (("train_size", "train"), ("val_size", "t10k")):
            value, available = getattr(self, key), len(parts[part].labels)
            if value is not None and value > available:
                yield f"task.{key}={value}: must be at most {available}, all there are"

    def _parts(self) -> dict[str, idx.Part]:
        return idx.load(self.dataset, at_home("data.dir", self.data_dir))

    def network(self) -> nn.Module:
        """The perceptron, drawn from PyTorch's generator as it stands."""
        pixels = self._parts()["train"].images[0].size
        return MLP(pixels, self.width, self.depth, self.activation)

    def data(self, seed: int) -> Data:
        """The published subset of the training images, and the first test images."""
        train, chosen = self._parts()["train"], np.arange(self.train_size)
        if self.subset == "random":
            chosen = np.random.RandomState(seed).choice(len(train.labels), self.train_size, False)
        return Data(
            train=_batch(idx.Part(train.images[chosen], train.labels[chosen])),
            val=self._validation(),
            fixed=self._mixture(),
        )

    def _mixture(self) -> Batch:
        constants = CONSTANTS[self.representation]
        if constants is None:
            return {}
        return {"messiness": torch.tensor(self.messiness), "constants": torch.tensor(constants)}

    def outputs_of(self, network: nn.Module, batch: Batch) -> Tensor:
        """Outputs of shape (samples, 10), of images that may be mixed with their labels."""
        inputs = batch["inputs"]
        if self.representation != "images":
            constant, m = (batch["targets"] @ batch["constants"])[:, None], batch["messiness"]
            inputs = m * inputs + (1 - m) * constant
        outputs: Tensor = network(inputs)
        return outputs

    def _validation(self) -> Batch:
        return _validation(self.dataset, self.data_dir, self.val_size)

    def train_samples(self) -> int:
        """As many as are asked for."""
        return self.train_size

    def minibatch(self) -> int:
        """The batch size, or all images where there are fewer."""
        return min(self.batch_size, self.train_size)

    def evaluations(self, budget: int) -> list[int]:
        """The published schedule: ends of epochs, evenly spaced in their logarithm."""
        per_epoch = steps_per_epoch(self.train_size, self.minibatch(), self.DROP_LAST)
        spacing = np.log10(3e5) / 999  # 1000 of them up to 3e5 steps
        steps = 10 ** (spacing * np.arange(np.log10(max(budget, 1)) / spacing + 1))
        epochs = np.unique((steps / per_epoch).astype(int))  # counted from 0
        return [int(step) for step in (epochs + 1) * per_epoch if step <= budget]

    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Squared error from the one-hot label, mean over all elements, or cross-entropy."""
        if self.loss == "cross_entropy":
            return nn.functional.cross_entropy(outputs, batch["labels"])
        return nn.functional.mse_loss(outputs, batch["targets"])

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Whether the likeliest class is the right one."""
        right: Tensor = outputs.argmax(-1) == batch["labels"]
        return right


@functools.cache
def _validation(dataset: str, data_dir: str, size: int | None) -> Batch:
    """The first test images, the same tensors for all members."""
    images, labels = idx.load(dataset, at_home("data.dir", data_dir))["t10k"]
    return _batch(idx.Part(images[:size], labels[:size]))


def _batch(part: idx.Part) -> Batch:
    """Pixels in [0, 1], labels, and one-hot labels, in double precision."""
    labels = torch.from_numpy(part.labels.astype(np.int64))
    images = torch.from_numpy(part.images.reshape(len(labels), -1).astype(np.float64))
    return {
        "inputs": images / 255,
        "labels": labels,
        "targets": nn.functional.one_hot(labels, CLASSES).double(),
    }
