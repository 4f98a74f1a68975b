"""A transformer on modular addition: stacked, in JAX, and as a plain loop; training steps alone.

python bench/modular.py [task.p=31 task.train_fraction=0.5 task.width=64 task.hidden=256]
"""

import functools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import peer
import torch
from turns import Way, measure, show

from grok.composing import compose
from grok.engine.stack import Stack
from grok.job import make_member

PRECISIONS = {"64-true": torch.float64, "32-true": torch.float32}
STEPS = 10
STACKS = (1, 2, 4)


def member_of(precision: str, settings: tuple[str, ...]) -> Any:
    cfg = compose("task=modular", f"trainer.precision={precision}", *settings)
    return make_member(cfg, Path(), "bench", {})


def plain(precision: str, settings: tuple[str, ...], every_position: bool) -> None:
    """One network in a plain loop over tensors; the published form takes all positions."""
    member, dtype = member_of(precision, settings), PRECISIONS[precision]
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


@functools.cache
def stack(precision: str, settings: tuple[str, ...], size: int) -> Stack:
    member = member_of(precision, settings)
    drawn = member.drawn(PRECISIONS[precision])._replace(evaluations=np.array([], dtype=np.int64))
    return Stack(member.task, [drawn] * size, torch.device("cpu"), compiled=True)


def stacked(precision: str, settings: tuple[str, ...], size: int) -> None:
    stack(precision, settings, size).advance(STEPS)


def main() -> None:
    """Print a table for each precision."""
    settings = tuple(sys.argv[1:])
    for precision in PRECISIONS:
        given = precision, settings
        ways = [
            Way("published form", functools.partial(plain, *given, True), STEPS),
            Way("plain loop", functools.partial(plain, *given, False), STEPS),
            *(
                Way(f"stack of {size}", functools.partial(stacked, *given, size), size * STEPS)
                for size in STACKS
            ),
        ]
        if peer.AVAILABLE:
            run = functools.partial(peer.train, "modular", 1, STEPS, *given, STEPS)
            ways.append(Way("JAX, 1 member", run, STEPS))
        show(f"modular {precision}", measure(ways, turns=3), "plain loop")


if __name__ == "__main__":
    main()
