"""A solo run through Lightning against a plain loop doing the same work, step for step.

    python bench/solo.py

Both take turns of 200 steps in one process on one thread, so that a noisy machine slows both.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from lightning import Callback
from omegaconf import DictConfig, OmegaConf
from plain import plain_loop

from grok.config import compose
from grok.run import make_member, train

TURNS = 15


class TakeTurns(Callback):
    """Runs the plain loop before every ``training_step`` and times both."""

    def __init__(self, step: Any, steps: int) -> None:
        self.step, self.steps = step, steps
        self.plain: list[float] = []
        self.solo: list[float] = []
        self.began = 0.0

    def on_train_batch_start(self, *_: Any) -> None:
        now = time.perf_counter()
        if self.began:
            self.solo.append(now - self.began)
        for _turn in range(self.steps):
            self.step()
        self.began = time.perf_counter()
        self.plain.append(self.began - now)


def measure(cfg: DictConfig) -> tuple[float, float]:
    """Median milliseconds a step of the plain loop and of the solo run."""
    with tempfile.TemporaryDirectory() as folder:
        member = make_member(cfg, Path(folder), "bench", {})
        turns = TakeTurns(plain_loop(member), cfg.engine.steps_per_call)
        train([member], cfg, extra=[turns])
    scale = 1000 / cfg.engine.steps_per_call
    # the first turns pay for compilation and warm-up
    return tuple(scale * statistics.median(times[3:]) for times in (turns.plain, turns.solo))


def main() -> None:
    """Print a table of the ratios."""
    torch.set_num_threads(1)
    print("task            step        plain ms   solo ms   solo/plain")
    for task in ("classification", "regression"):
        for compiled in (True, False):
            cfg = compose(
                f"task=toy_{task}",
                f"engine.compile={compiled}",
                "phase.early_stop=false",
            )
            OmegaConf.update(cfg, "phase.budget", TURNS * cfg.engine.steps_per_call)
            plain, solo = measure(cfg)
            kind = "compiled" if compiled else "uncompiled"
            print(f"{task:15s} {kind:11s} {plain:8.3f}  {solo:8.3f}  {solo / plain:8.2f}")


if __name__ == "__main__":
    main()
