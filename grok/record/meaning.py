"""What keys mean to whoever looks at results, who knows no key of an optimizer or of a task.

A role is a few words, such as ``decoder learning rate``. An optimizer and a task give them to their
fields, as ``ROLES``, and a record keeps them by full key. Pictures name axes by them; those that
end in `LEARNING_RATE`, `WEIGHT_DECAY` or `INIT_SCALE` decide besides what is drawn.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

LEARNING_RATE, WEIGHT_DECAY, INIT_SCALE = "learning rate", "weight decay", "initial scale"
FIRST_AXES = (f"decoder {LEARNING_RATE}", f"decoder {WEIGHT_DECAY}")
"""Roles of the keys that are the axes of a phase diagram before all others."""
EARLIER_ROLES = {
    "opt.lr_dec": f"decoder {LEARNING_RATE}",
    "opt.wd_dec": f"decoder {WEIGHT_DECAY}",
    "opt.lr_enc": f"encoder {LEARNING_RATE}",
    "opt.wd_enc": f"encoder {WEIGHT_DECAY}",
    "task.init_scale": INIT_SCALE,
}
"""Those of records that tell none, as of earlier versions, and of published grids."""

_TRAINING = ("task.", "opt.", "norm.", "phase.", "seed.", "trainer.precision")
_NO_MATTER = ("task.data_dir", "phase.budget", "phase.early_stop")
"""Where files lie, and when to stop, which is reconciled member by member."""


def is_seed(key: str) -> bool:
    """Whether it is one that repeats a setting with other draws."""
    return key.startswith("seed.")


def roles_of(opt: Any, task: Any) -> dict[str, str]:
    """The roles that an optimizer and a task give to their fields, by full key; none if wrong."""
    return {
        f"{section}.{name}": role
        for section, part in (("opt", opt), ("task", task))
        if not role_problems(section, part)
        for name, role in part.ROLES.items()
    }


def role_problems(section: str, part: Any) -> list[str]:
    """A line for each of the ``ROLES`` of an optimizer or a task that isn't a field's words."""
    name, roles = type(part).__name__, part.ROLES
    known = {each.name for each in dataclasses.fields(part)}
    if not isinstance(roles, Mapping):
        return [f"{section}: {name}.ROLES is {roles!r}; make it a dictionary of field to role"]
    return [
        f"{section}.{field}: {name}.ROLES says {role!r} of it; {fix}"
        for field, role in roles.items()
        for wrong, fix in (
            (field not in known, "name a field of the class"),
            (not (isinstance(role, str) and role and role.isprintable()), "write a few words"),
        )
        if wrong
    ]


def keys_of(roles: Mapping[str, str], kind: str) -> list[str]:
    """The keys whose role ends in `kind`, in the order of `roles`."""
    return [key for key, role in roles.items() if f" {role}".endswith(f" {kind}")]


def alters(key: str) -> bool:
    """Whether what a member comes to depends on the setting of `key`."""
    return key.startswith(_TRAINING) and key not in _NO_MATTER
