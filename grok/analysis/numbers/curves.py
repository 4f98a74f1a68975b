"""Which columns of the curves are drawn together."""

from __future__ import annotations

CURVE_ROWS = (
    ("accuracy", {"train_accuracy": "train", "val_accuracy": "validation"}),
    ("loss", {"train_loss": "train", "val_loss": "validation"}),
    ("weight norm", {"weight_norm": "all parameters"}),
)
"""What a row of the picture is called, and its columns with their names."""
ACCURACIES = CURVE_ROWS[0][1]
