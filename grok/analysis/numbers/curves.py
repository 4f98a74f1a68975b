"""Which columns of the curves are drawn together."""

from __future__ import annotations

ROWS = (
    ("accuracy", {"train_accuracy": "train", "val_accuracy": "validation"}),
    ("loss", {"train_loss": "train", "val_loss": "validation"}),
    ("weight norm", {"weight_norm": "all parameters"}),
)
