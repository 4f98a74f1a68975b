"""Members to a Lightning trainer. Knows nothing of Hydra."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from lightning import Callback
from lightning import Trainer as LightningTrainer
from lightning.pytorch.loggers import Logger

from grok.callbacks import KeptWeights, Measures, PhaseDetection, RecordWriter
from grok.engine import Member, StackModule
from grok.schema import Engine, Trainer, Weights
from grok.tasks.task import dtype_of


@dataclass
class Setup:
    """What the members of a stack train with in common.

    Attributes:
        engine: how the arithmetic runs.
        trainer: where, and in which precision.
        weights: which are kept.
        measures: by name.
        callbacks: Lightning's, besides those that every run has.
        loggers: Lightning's, for a single run.
    """

    engine: Engine
    trainer: Trainer
    weights: Weights = field(default_factory=Weights)
    measures: dict[str, Any] = field(default_factory=dict)
    callbacks: list[Callback] = field(default_factory=list)
    loggers: list[Logger] = field(default_factory=list)


def train(
    members: Iterable[Member | None],
    setup: Setup,
    size: int = 1,
    gpu: int | None = None,
    sharing: int = 1,
    extra: Sequence[Callback] = (),
    failed: Callable[[Member, Exception], None] | None = None,
) -> None:
    """Train `members` in one stack until each has ended and written its record.

    Args:
        members: all of one task, shape and precision; taken in this order when a slot is free,
            None where the next isn't known yet.
        setup: what they share.
        size: number of slots, see `grok.engine.StackModule`.
        gpu: number of the GPU to use where the trainer uses one; the first by default.
        sharing: see `grok.engine.StackModule`.
        extra: Lightning callbacks besides those of `setup`.
        failed: see `grok.engine.StackModule`.
    """
    quieten()
    torch.set_num_threads(setup.engine.threads)
    precision, weights = setup.trainer.precision, setup.weights
    kept = KeptWeights(weights.moments, weights.every)
    # Phase detection decides where a member's rows end, so it comes first; the record closes
    # a member's folder, so it is written last.
    callbacks = [PhaseDetection(), Measures(setup.measures), *setup.callbacks, *extra]
    if weights.moments or weights.every:
        callbacks.append(kept)
    callbacks.append(RecordWriter(precision))
    module = StackModule(
        members,
        setup.engine,
        dtype=dtype_of(precision),
        size=size,
        measures=setup.measures | kept.measures,
        revisiting=bool(weights.moments),
        sharing=sharing,
        failed=failed,
    )
    on_gpu = setup.trainer.accelerator != "cpu" and torch.cuda.is_available()
    trainer = LightningTrainer(
        accelerator="cuda" if on_gpu else "cpu",
        devices=[gpu or 0] if on_gpu else 1,
        # where an operation has no such way on a GPU, PyTorch says so
        deterministic="warn" if on_gpu else None,
        max_epochs=1,
        callbacks=callbacks,
        logger=setup.loggers or False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
    )
    try:
        trainer.fit(module)
    except SystemExit:  # Lightning's way to end after an interrupt
        raise KeyboardInterrupt from None
    finally:  # trainer and module hold each other, and the next stack needs the memory
        module.close()
        if on_gpu:
            torch.cuda.empty_cache()


def quieten() -> None:
    """Silence what the libraries say about matters that are settled here."""
    for name in ("lightning.pytorch", "lightning.fabric", "torch.utils.cpp_extension"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for module in ("lightning.*", "torch._inductor.*"):
        warnings.filterwarnings("ignore", module=module)
