"""Runs that are interrupted, for those that go on from their checkpoints."""

import pytest
from lightning import Callback

from grok.composing import compose
from grok.job import setup
from grok.training import train

BUDGET = 170


class PowerCutError(Exception):
    pass


class PowerCut(Callback):
    """Ends the process, as far as a test can, before a given ``training_step``."""

    def __init__(self, call):
        self.call = call

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx == self.call:
            raise PowerCutError


class FirstSteps(Callback):
    """Notes where each member begins."""

    def __init__(self):
        self.steps = {}

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        for slot in pl_module.slots:
            if slot.member and slot.rows:
                self.steps.setdefault(slot.member.folder.name, slot.rows.first_step)


def config(seconds=0, precision="32-true", compiled="false"):
    return compose(
        f"engine.compile={compiled}",
        "engine.steps_per_call=25",
        "measures=[embeddings,rqi]",
        f"callbacks.checkpoints.seconds={seconds}",
        f"trainer.precision={precision}",
    )


def interrupted(members, size, call, **options):
    with pytest.raises(PowerCutError):
        train(members, setup(config(**options)), size=size, extra=[PowerCut(call)])
