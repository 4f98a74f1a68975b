"""The launcher as Hydra sees it; the work is in `_core`, imported when it runs."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.utils import JobReturn
from omegaconf import ListConfig

from hydra_plugins.stacked_launcher import config as _config  # noqa: F401 - registers itself

if TYPE_CHECKING:
    from grok.sweeps.composer import Composer

log = logging.getLogger(__name__)


class StackedLauncher(BasicLauncher):
    """Trains the jobs of a sweep in stacks, where the application knows how.

    An application that does has an attribute ``stacked`` on its task function (see `_core`).
    Any other is launched as Hydra's basic launcher would, one job after another.

    Attributes:
        composer: set by a sweeper that has composed the jobs already; otherwise they are here.
    """

    def __init__(
        self, stack_size: Any = "auto", workers: Any = "auto", devices: Any = "auto"
    ) -> None:
        super().__init__()
        self.stack_size, self.workers, self.devices = stack_size, workers, devices
        self.composer: Composer | None = None

    def check(self) -> None:
        """Refuse settings that nothing can be launched with.

        Raises:
            ConfigError: a line about the first.
        """
        from grok.errors import ConfigError

        for key in ("stack_size", "workers"):
            value = getattr(self, key)
            if value != "auto" and not (isinstance(value, int) and value >= 1):
                raise ConfigError(
                    f"hydra.launcher.{key}={value}: must be auto or a whole number of at least 1"
                )
        value = self.devices
        if value != "auto" and not (isinstance(value, (list, ListConfig)) and len(value) > 0):
            raise ConfigError(
                f"hydra.launcher.devices={value}: must be auto or a list of numbers, such as [0,1]"
            )

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run the jobs, numbered from `initial_job_idx`; results in the order of the jobs."""
        if not hasattr(self.task_function, "stacked"):
            log.info("This application can't be stacked: one job after another")
            return super().launch(job_overrides, initial_job_idx)
        from hydra_plugins.stacked_launcher import _core

        return _core.launch(self, job_overrides, initial_job_idx)
