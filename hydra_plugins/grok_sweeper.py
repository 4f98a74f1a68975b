"""``hydra/sweeper=grok``: Hydra's own sweeper, with every job checked before the first trains."""

import contextlib
from dataclasses import dataclass, field
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper, BasicSweeperConf
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus


@dataclass
class GrokSweeperConf(BasicSweeperConf):
    """Hydra's settings and the resolution of the grids in ``conf/experiment/``.

    Attributes:
        grid: values on each axis, for ``params`` that refer to it.
        scale: the size of an experiment: ``paper`` is as it stands, others are in ``scales``.
        scales: name of a scale to the overrides that make it so.
        refine: train only the cells that `grok.sweeps.refine` wants.
    """

    _target_: str = "hydra_plugins.grok_sweeper.GrokSweeper"
    grid: int = 21
    scale: str = "paper"
    scales: dict[str, str] = field(default_factory=dict)
    refine: bool = False


ConfigStore.instance().store(
    group="hydra/sweeper", name="grok", node=GrokSweeperConf, provider="grok"
)


class GrokSweeper(BasicSweeper):
    """The Cartesian product of the swept keys, checked as a whole and planned on disk."""

    def __init__(
        self,
        max_batch_size: int | None,
        params: dict[str, str] | None = None,
        grid: int = 21,
        scale: str = "paper",
        scales: dict[str, str] | None = None,
        refine: bool = False,
    ) -> None:
        super().__init__(max_batch_size, params)

    def sweep(self, arguments: list[str]) -> Any:
        """Check every job's configuration, write the plan, launch, and report what failed.

        Raises:
            ConfigError: jobs that can't be trained; none has been launched.
            UserError: jobs that failed; the others have been trained.
        """
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        from grok import program
        from grok.errors import UserError, interrupted
        from grok.launch.launcher import check_free
        from grok.launch.queue import clear
        from grok.printable import show
        from grok.sweeps.folders import settled, was_given
        from grok.sweeps.going_on import deaf_children, interrupted_sweep, killed_worker
        from grok.sweeps.live import watching
        from grok.sweeps.plan import opened, prepare, report_failures

        assert self.hydra_context is not None
        assert self.config is not None
        assert self.launcher is not None
        if hasattr(self.launcher, "check"):
            self.launcher.check()
        theirs, folder = was_given(self.config, "sweep"), settled(self.config, "sweep")
        try:
            sweep = prepare(
                self.hydra_context.config_loader, self.config, [*self._parse_config(), *arguments]
            )
        except BaseException:
            if not theirs:
                with contextlib.suppress(OSError):  # somebody has put something there
                    folder.rmdir()
            raise
        if hasattr(self.launcher, "sweep"):
            self.launcher.sweep = sweep
        by_joblib = hasattr(self.launcher, "joblib")
        results: list[JobReturn] = []
        try:
            with opened(sweep, check_free):
                clear(sweep.folder)  # a queue that an interrupt has left
                with (
                    watching(sweep.folder, sweep.plan),
                    deaf_children() if by_joblib else contextlib.nullcontext(),
                ):
                    for batch in self.split_overrides_to_chunks(
                        sweep.plan.overrides, self.max_batch_size
                    ):
                        results += self.launcher.launch(batch, initial_job_idx=len(results))
        except TerminatedWorkerError:
            raise UserError(killed_worker(sweep.folder)) from None
        except BaseException as error:
            if isinstance(error, OSError):  # a full disk's names nothing
                error.filename = error.filename or str(sweep.folder)
            if isinstance(error, UserError) or not interrupted(error):
                raise
            raise interrupted_sweep(sweep.folder) from None
        report_failures(sweep.folder, dict(enumerate(results)))
        if any(result.status is JobStatus.COMPLETED for result in results):
            show(program.to_draw(sweep.folder))
        return results
