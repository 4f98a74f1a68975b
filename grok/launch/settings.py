"""What ``hydra.launcher`` says of ``hydra/launcher=stacked``."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from grok.checks.wording import nearest
from grok.errors import ConfigError

CLUSTERS = (None, "slurm", "local")
COUNTS = (
    "allocations",
    "timeout_min",
    "array_parallelism",
    "cpus_per_task",
    "gpus_per_node",
    "mem_gb",
)


class Spread(NamedTuple):
    """How a sweep is spread over a machine; see `Stacked`."""

    stack_size: int | str
    workers: int | str
    devices: str | list[int]


@dataclass
class Stacked:
    """How a sweep is spread over a machine, and over several.

    Attributes:
        stack_size: members trained together in a worker, at most, or ``auto``.
        workers: processes of a machine, or ``auto`` for one a core, or one a GPU where GPUs train;
            fewer for a sweep that is soon over.
        devices: numbers of the GPUs to use, or ``auto`` for all.
        cluster: ``slurm`` sends the sweep there, ``local`` to processes as if it were a cluster;
            None trains it here.
        allocations: jobs of the cluster's array, each of which works on the sweep.
        wait: until the array has ended; else the command returns once it is sent.
        timeout_min: minutes of an allocation; what is left then goes on in the next.
        array_parallelism: allocations at the same time, at most.
        partition, account, qos, constraint, cpus_per_task, gpus_per_node, mem_gb: as Slurm has
            them; None leaves them to the cluster.
        setup: shell commands before a worker starts, such as ``module load cuda``.
        additional: other options of ``sbatch``.
    """

    _target_: str = "hydra_plugins.stacked_launcher.stacked_launcher.StackedLauncher"
    stack_size: Any = "auto"
    workers: Any = "auto"
    devices: Any = "auto"
    cluster: str | None = None
    allocations: int = 1
    wait: bool = True
    timeout_min: int = 60
    array_parallelism: int = 256
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    cpus_per_task: int | None = None
    gpus_per_node: int | None = None
    mem_gb: int | None = None
    setup: list[str] = field(default_factory=list)
    additional: dict[str, Any] = field(default_factory=dict)

    @property
    def spread(self) -> Spread:
        """The part about a machine."""
        return Spread(self.stack_size, self.workers, self.devices)


def checked(launcher: DictConfig) -> Stacked:
    """The settings in a composed ``hydra.launcher``.

    Raises:
        ConfigError: nothing can be launched so; a line for each mistake.
    """
    content: Any = OmegaConf.to_container(launcher, resolve=True)
    known = [each.name for each in fields(Stacked)]
    problems = [
        f"hydra.launcher.{key}={value}: no such key{nearest(key, known)}"
        for key, value in content.items()
        if key not in known
    ]
    if problems:
        raise ConfigError(*problems)
    settings = Stacked(**content)
    for key in ("stack_size", "workers"):
        value = getattr(settings, key)
        if value != "auto" and not _is_count(value):
            problems.append(f"{key}={value}: must be auto or a whole number of at least 1")
    devices = settings.devices
    if devices != "auto" and not (isinstance(devices, list) and devices):
        problems.append(f"devices={devices}: must be auto or a list of numbers, such as [0,1]")
    if settings.cluster not in CLUSTERS:
        problems.append(f"cluster={settings.cluster}: must be null, slurm or local")
    if settings.cluster == "local" and not settings.wait:
        problems.append("wait=false: cluster=local ends with the command; leave it at true")
    for key in COUNTS:
        value = getattr(settings, key)
        if value is not None and not _is_count(value):
            problems.append(f"{key}={value}: must be a whole number of at least 1")
    if problems:
        raise ConfigError(*(f"hydra.launcher.{problem}" for problem in problems))
    return settings


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
