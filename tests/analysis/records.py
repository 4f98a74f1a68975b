"""Hand-made records with chosen times, no training."""

from grok.phases import classify
from grok.record.record import Record

FINAL = {
    "train_loss": 0.125,
    "train_accuracy": 1.0,
    "val_loss": 0.5,
    "val_accuracy": 0.75,
    "weight_norm": 30.0,
}


BEST = {"train_loss": 0.1, "train_accuracy": 1.0, "val_loss": 0.4, "val_accuracy": 0.875}


BUDGET = 100_000


def make_record(overrides, t_train, t_val, **changes):
    stopped = t_train is not None and t_val is not None
    values = {
        "task": "toy_regression",
        "phase": str(classify(t_train, t_val, BUDGET)),
        "t_train": t_train,
        "t_val": t_val,
        "budget": BUDGET,
        "threshold": 0.899,
        "grokking_gap": 1000,
        "steps": max(t_train, t_val) if stopped else BUDGET,
        "stop_reason": "early_stop" if stopped else "budget",
        "diverged": False,
        "overrides": overrides,
        "final": FINAL,
        "best": BEST,
        "weight_norm": {"initial": 20.0, "t_train": 25.0 if t_train else None, "t_val": None},
        "wall_seconds": 1.5,
    }
    return Record(**values | changes)
