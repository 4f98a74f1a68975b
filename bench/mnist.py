"""MNIST: stacked, a plain loop, JAX, and the published way; training steps, without validation.

python bench/mnist.py
"""

import functools
from pathlib import Path
from typing import Any

import peer
import stacks
import torch
from PIL import Image
from plain import adamw
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor
from turns import Way, measure, show

from grok.engine.batches import minibatches
from grok.tasks.data import idx

PRECISIONS = ("64-true", "32-true")
STEPS = 100
STACK = 2


def words(precision: str) -> tuple[str, str]:
    return "task=mnist", f"trainer.precision={precision}"


class Images(Dataset):  # type: ignore[type-arg]
    """Images one by one, each made a tensor when it is asked for, as torchvision does."""

    def __init__(self, folder: str, size: int) -> None:
        self.part = idx.load("mnist", Path(folder).expanduser())["train"]
        self.size, self.transform = size, ToTensor()

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.part.images[i])), int(self.part.labels[i])


def published(precision: str) -> None:
    """One network, fed by a DataLoader with a transform."""
    member, dtype = stacks.member(*words(precision)), stacks.dtype(*words(precision))
    torch.set_default_dtype(dtype)
    network: Any = member.task.network().to(dtype)
    optimizer = adamw(network, member.opt)
    images = Images(member.task.data_dir, member.task.train_size)
    loader, done = DataLoader(images, batch_size=200, shuffle=True), 0
    while done < STEPS:
        for inputs, labels in loader:
            outputs = network(inputs.view(len(inputs), -1))
            targets = torch.nn.functional.one_hot(labels, 10).to(outputs.dtype)
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(outputs, targets).backward()
            optimizer.step()
            (outputs.argmax(-1) == labels).double().mean().item()
            done += 1
    torch.set_default_dtype(torch.float32)


def plain(precision: str) -> None:
    """One network in a plain loop over tensors."""
    member, dtype = stacks.member(*words(precision)), stacks.dtype(*words(precision))
    network: Any = member.task.network().to(dtype)
    optimizer = adamw(network, member.opt)
    drawn = member.drawn(dtype)
    assert drawn.batches is not None
    orders = drawn.batches.orders(0, STEPS // drawn.batches.per_epoch)
    for rows in minibatches(orders, drawn.batches.size):
        batch = {name: tensor[rows] for name, tensor in drawn.given.train.items()}
        outputs = network(batch["inputs"])
        optimizer.zero_grad()
        member.task.loss_of(outputs, batch).backward()
        optimizer.step()
        member.task.correct(outputs, batch).double().mean()


def main() -> None:
    """Print a table for each precision."""
    for precision in PRECISIONS:
        ways = [
            Way("published way", functools.partial(published, precision), STEPS),
            Way("plain loop", functools.partial(plain, precision), STEPS),
            *(
                Way(
                    f"stack of {size}" if size > 1 else "solo",
                    functools.partial(stacks.train, size, STEPS, *words(precision)),
                    size * STEPS,
                )
                for size in (1, STACK)
            ),
            *(
                Way(
                    f"JAX, {size} members",
                    functools.partial(peer.train, "mnist", size, STEPS, precision),
                    size * STEPS,
                )
                for size in (1, STACK)
                if peer.AVAILABLE
            ),
        ]
        show(f"mnist {precision}", measure(ways, turns=5), "published way")


if __name__ == "__main__":
    main()
