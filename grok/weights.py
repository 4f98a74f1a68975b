"""Weights that a member has left in its folder, as a plain network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import torch
from hydra.errors import InstantiationException
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from grok.composing import made
from grok.errors import UserError, cause
from grok.record.names import WEIGHTS
from grok.record.record import Record, check_file, damaged_file, finished, read_record
from grok.tasks import Data, Task
from grok.tasks.data.folder import DEFAULT
from grok.tasks.task import cast, dtype_of
from grok.working_folder import make_importable


class LoadedMember(NamedTuple):
    """A member at a moment of its training.

    Attributes:
        task: what it learns.
        network: a plain module with its weights; ``task.outputs_of(network, batch)`` calls it.
        data: its samples, in the precision of its weights; a batch is ``data.train | data.fixed``.
        record: how it went.
    """

    task: Task
    network: nn.Module
    data: Data
    record: Record


def load_member(folder: str | Path, moment: str = "final") -> LoadedMember:
    """A finished member with the weights of a moment.

    Args:
        folder: the member's own, such as ``multirun/<date>/<time>/7``.
        moment: ``initial``, ``t_train``, ``t_val``, ``final``, or ``step_<number>``.

    Raises:
        UserError: no member has finished there, it kept no weights of this moment, a file is
            damaged, or its task can't be imported.
    """
    folder = Path(folder).expanduser()
    if not finished(folder):
        raise UserError(f"{folder}: no member has finished there; pass a job's own folder")
    record = read_record(folder)
    if moment not in record.weights:
        there = ", ".join(record.weights) or "none"
        kept = "weights=events keeps those of initial, t_train, t_val, where reached, and final"
        raise UserError(f"{folder}: no weights of {moment!r}; there are {there}; {kept}")
    path = folder / WEIGHTS / f"{moment}.safetensors"
    check_file(folder, f"{WEIGHTS}/{path.name}", record)
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise damaged_file(path, error) from None
    task = _task(folder, record)
    dtype = dtype_of(record.precision)
    with torch.random.fork_rng(devices=[]):
        network = task.network().to(dtype)
    with torch.no_grad():
        for name, own in [*network.named_parameters(), *network.named_buffers()]:
            if name not in tensors or tensors[name].shape != own.shape:
                raise UserError(
                    f"{path}: {name} isn't that of the task's network; take the code that it was "
                    "trained with, or run it again"
                )
            own.copy_(tensors[name])
    return LoadedMember(task, network, cast(task.data(record.seeds["data"]), dtype), record)


def _task(folder: Path, record: Record) -> Any:
    """The task that a member of `folder` has learned; it may be in a module of the user's own."""
    make_importable()
    settings, there = record.config["task"], record.config.get("data", {}).get("dir", DEFAULT)
    if not os.path.isdir(os.path.expanduser(there)):  # trained elsewhere, or the data have moved
        here = os.environ.get("GROK_DATA_DIR", DEFAULT)
        settings = {key: here if value == there else value for key, value in settings.items()}
    try:
        return made(settings)
    except InstantiationException as error:
        raise UserError(
            f"{folder}: its task {record.config['task']['_target_']} can't be made "
            f"({cause(error)}); go to the folder that it was trained in, or add this to PYTHONPATH"
        ) from None
