"""Which columns of the curves are drawn together, and what is shaded over them."""

from __future__ import annotations

from typing import NamedTuple

from grok.record.record import Record

CURVE_ROWS = (
    ("accuracy", {"train_accuracy": "train", "val_accuracy": "validation"}),
    ("loss", {"train_loss": "train", "val_loss": "validation"}),
    ("weight norm", {"weight_norm": "all parameters"}),
)
"""What a row of the picture is called, and its columns with their names."""
ACCURACIES = CURVE_ROWS[0][1]


class Delay(NamedTuple):
    """From T_train to T_val, or to the end of a member that hasn't generalised.

    Attributes:
        start, end: optimizer steps.
        name: of both ends.
    """

    start: int
    end: int
    name: str


def delay(record: Record) -> Delay | None:
    """How long a member waited to generalise; None if it never fitted."""
    if record.t_train is None:
        return None
    if record.t_val is None:
        return Delay(record.t_train, record.steps, "T_train to end")
    return Delay(record.t_train, record.t_val, "T_train to T_val")
