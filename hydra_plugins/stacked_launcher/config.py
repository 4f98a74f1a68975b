"""The launcher's settings."""

from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore


@dataclass
class StackedLauncherConf:
    """How a sweep is spread.

    Attributes:
        stack_size: members trained together in a worker, or ``auto``.
        workers: processes, or ``auto`` for one a core, or one a GPU where GPUs train.
        devices: numbers of the GPUs to use, or ``auto`` for all.
    """

    _target_: str = "hydra_plugins.stacked_launcher.stacked_launcher.StackedLauncher"
    stack_size: Any = "auto"
    workers: Any = "auto"
    devices: Any = "auto"


ConfigStore.instance().store(
    group="hydra/launcher",
    name="stacked",
    node=StackedLauncherConf,
    provider="stacked_launcher",
)
