"""The launcher as Hydra sees it; what does the work is imported when it runs."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.utils import JobReturn, configure_log, setup_globals

from hydra_plugins.stacked_launcher import config as _config  # noqa: F401 - registers itself

if TYPE_CHECKING:
    from grok.sweeps.planned import Sweep

log = logging.getLogger(__name__)


class StackedLauncher(BasicLauncher):
    """Trains the jobs of a sweep in stacks.

    Another application's, or those of another sweeper, are launched as Hydra's basic launcher
    would, one after another.

    Attributes:
        sweep: which is launched, set by ``hydra/sweeper=grok``.
    """

    def __init__(self, **settings: Any) -> None:  # `grok.launch.settings.checked` reads them
        super().__init__()
        self.sweep: Sweep | None = None

    def check(self) -> None:
        """Refuse settings that nothing can be launched with.

        Raises:
            ConfigError: a line about each.
        """
        from grok.launch.settings import checked

        assert self.config is not None
        checked(self.config.hydra.launcher)

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run the jobs, numbered from `initial_job_idx`; results in the order of the jobs."""
        if self.sweep is None:
            reason: str | None = "Only grok's own sweeper can stack"
        else:
            from grok.launch.launcher import launch
            from grok.launch.stacked import obstacle

            if not (reason := obstacle(self.sweep)):
                setup_globals()
                hydra = self.sweep.master.hydra
                configure_log(hydra.hydra_logging, hydra.verbose)
                return launch(self.sweep, job_overrides, initial_job_idx)
        log.warning("%s: one job after another", reason)
        return super().launch(job_overrides, initial_job_idx)
