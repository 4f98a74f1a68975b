"""The launcher's settings."""

from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore


@dataclass
class StackedLauncherConf:
    """How a sweep is spread.

    Attributes:
        stack_size: members trained together in a worker, or ``auto``.
        workers: processes, or ``auto`` for one a core (one where a GPU trains).
    """

    _target_: str = "hydra_plugins.stacked_launcher.stacked_launcher.StackedLauncher"
    stack_size: Any = "auto"
    workers: Any = "auto"


ConfigStore.instance().store(
    group="hydra/launcher",
    name="stacked",
    node=StackedLauncherConf,
    provider="stacked_launcher",
)
