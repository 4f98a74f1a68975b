"""A transformer on modular addition: stacked, in JAX, and as a plain loop; training steps alone.

python bench/modular.py [task.p=31 task.train_fraction=0.5 task.width=64 task.hidden=256]
"""

import functools
import sys
from typing import Any

import peer
import stacks
import torch
from turns import Way, measure, show

PRECISIONS = ("64-true", "32-true")
STEPS = 10
STACKS = (1, 2, 4)


def plain(every_position: bool, *words: str) -> None:
    """One network in a plain loop over tensors; the published form takes all positions."""
    member, dtype = stacks.member(*words), stacks.dtype(*words)
    network = member.task.network().to(dtype)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1.0)
    batch = member.data(dtype).train
    for _ in range(STEPS):
        outputs = (
            published(network, batch["inputs"]) if every_position else network(batch["inputs"])
        )
        optimizer.zero_grad()
        member.task.loss_of(outputs, batch).backward()
        optimizer.step()


def published(network: Any, pairs: torch.Tensor) -> torch.Tensor:
    """Logits by way of every position of every sample."""
    tokens = torch.cat([pairs, torch.full_like(pairs[:, :1], network.symbols)], 1)
    sequence = network.embed[tokens] + network.position
    return (network.block(0)(sequence) @ network.unembed.T)[:, -1]


def main() -> None:
    """Print a table for each precision."""
    settings = tuple(sys.argv[1:])
    for precision in PRECISIONS:
        words = ("task=modular", f"trainer.precision={precision}", *settings)
        ways = [
            Way("published form", functools.partial(plain, True, *words), STEPS),
            Way("plain loop", functools.partial(plain, False, *words), STEPS),
        ]
        for size in STACKS:
            run = functools.partial(stacks.train, size, STEPS, *words)
            ways.append(Way(f"stack of {size}", run, size * STEPS))
        if peer.AVAILABLE:
            run = functools.partial(peer.train, "modular", 1, STEPS, precision, settings, STEPS)
            ways.append(Way("JAX, 1 member", run, STEPS))
        show(f"modular {precision}", measure(ways, turns=3), "plain loop")


if __name__ == "__main__":
    main()
