"""The jobs of a sweep: expanded, checked and written to ``plan.json`` before the first trains."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf

from grok.checks.config import problems
from grok.composing import swept_keys
from grok.errors import ConfigError, UserError, named
from grok.job import finished_alike
from grok.printable import show
from grok.record.difference import difference, flat
from grok.record.record import Plan, finished, read_plan, write_plan
from grok.sweeps.axes import axis_problems, sweeper_problems
from grok.sweeps.composer import Composer
from grok.sweeps.folders import owned
from grok.sweeps.planned import Sweep, command_of, common_of

NO_PHASES = "phases say nothing at a norm that is held; leave hydra.sweeper.refine out"
MANY = 2000
"""Jobs whose check takes so long that it is said."""
FIRST = 10
"""Jobs that have failed for the same reason, of which each has a line."""
ONE_BY_ONE = (
    "watches one run after another, which a refined sweep or a cluster can't have; leave it out, "
    "and have the members tracked when they have finished (--track)"
)
ONE_GPU = (
    "all processes of hydra/launcher=joblib would train on the first of {} GPUs; use "
    "hydra/launcher=stacked"
)

log = logging.getLogger(__name__)


def prepare(loader: ConfigLoader, master: DictConfig, arguments: Sequence[str]) -> Sweep:
    """Compose and check every job of a sweep.

    Args:
        loader: Hydra's, of the running application.
        master: the sweep's own configuration, with ``hydra``.
        arguments: overrides, sweeps among them; a later one of the same key counts.

    Raises:
        ConfigError: jobs that can't be trained; a line for each different mistake.
    """
    raw: Any = OmegaConf.to_container(master.hydra.sweep)
    if raw["subdir"] != "${hydra.job.num}":
        raise ConfigError("hydra.sweep.subdir: must be ${hydra.job.num}, the number of the job")
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(list(arguments))
    # Hydra takes ++key for another key
    overrides = list({o.get_key_element().removeprefix("++"): o for o in overrides}.values())
    if wrong := [*axis_problems(overrides), *sweeper_problems(master.hydra)]:
        raise ConfigError(*wrong)
    keys = swept_keys(overrides)
    if found := dict.fromkeys(_of_hydra({o.key_or_group: o.input_line for o in overrides})):
        raise ConfigError(*found)
    (jobs,) = BasicSweeper.split_arguments(overrides, None)
    if len(jobs) >= MANY:
        show(f"checking {len(jobs):,} jobs, a few milliseconds each")
    composer = Composer(loader, master)
    here = master.hydra.launcher.get("cluster") is None
    refine = bool(master.hydra.sweeper.get("refine"))
    judged: dict[str, list[str]] = {}
    cells: dict[str, tuple[list[str], dict[str, Any]]] = {}
    for job in jobs:
        composed = composer.compose(job)
        settings = {key: composed.settings[key] for key in keys}
        content: Any = OmegaConf.to_container(composed.cfg, resolve=False)
        wrong = [*_of_hydra(flat(content))] or problems(composed.cfg, judged, here)
        wrong = wrong or [*_unlaunchable(composed.cfg, master.hydra)]
        found.update(dict.fromkeys(wrong))
        cells.setdefault(cell(settings), (job, settings))
    found.update(dict.fromkeys(_of_their_own(composer, keys)))
    if found:
        raise ConfigError(*_summed(found))
    if repeats := len(jobs) - len(cells):
        log.warning("%d of %d jobs repeat another's settings and are left out", repeats, len(jobs))
    jobs, planned = (list(each) for each in zip(*cells.values(), strict=True))
    plan = Plan(keys, planned, common_of(composer, jobs), jobs, command_of(master), refine)
    return Sweep(Path(str(master.hydra.sweep.dir)), plan, master, composer)


def _summed(lines: Iterable[str]) -> Iterator[str]:
    """The lines, those about other values of a key in the first one about it."""
    alike: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        alike.setdefault((line.partition("=")[0], line.partition(": ")[2]), []).append(line)
    for first, *others in alike.values():
        yield first + (f" (and {len(others)} more of its values)" if others else "")


def cell(settings: dict[str, Any]) -> str:
    """What a job's settings come to: the same text for equal numbers, however they are written."""
    return json.dumps(_plain(settings), sort_keys=True, default=str)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    exact = isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**53)
    return value + 0.0 if exact and not isinstance(value, bool) else value


def _of_their_own(composer: Composer, keys: Sequence[str]) -> Iterator[str]:
    """A line where what is swept brings a sweep, or a launcher, that nobody would heed."""
    for words, name in composer.differing():
        swept = " ".join(word for word in words if word.partition("=")[0] in keys)
        yield (
            f"{swept}: sets a hydra.{name} of its own, which a job of a sweep can't; give it a "
            "command of its own"
        )


def _unlaunchable(cfg: DictConfig, hydra: DictConfig) -> Iterator[str]:
    """A line for each setting of a job that the chosen launcher can't do with."""
    launcher, refine = hydra.launcher, bool(hydra.sweeper.get("refine"))
    if refine and cfg.norm.constrain:
        yield f"norm.constrain=true: {NO_PHASES}"
    if cfg.logger and (refine or launcher.get("cluster")):
        yield f"logger={','.join(map(str, cfg.logger))}: {ONE_BY_ONE}"
    if cfg.trainer.accelerator != "cpu" and launcher.get("n_jobs", 1) != 1:
        import torch

        if (count := torch.cuda.device_count()) > 1:
            yield f"trainer={cfg.trainer.accelerator}: {ONE_GPU.format(count)}"


def _of_hydra(settings: dict[str, Any]) -> Iterator[str]:
    """A line for each setting that refers to Hydra's own, which differ between launchers."""
    for key, value in settings.items():
        # a logger is told where its job's folder is, and its member is trained alone
        if "${hydra:" in str(value) and not key.startswith(("hydra.", "logger.")):
            word = value if str(value).startswith(f"{key}=") else f"{key}={value}"
            yield f"{word}: can't refer to hydra in a sweep; sweep over its values instead"


@contextlib.contextmanager
def opened(sweep: Sweep, check_free: Callable[[Path], None] = lambda _: None) -> Iterator[None]:
    """Own the sweep's folder for as long as the block runs: plan written, nobody else in it.

    Args:
        check_free: raises where workers are at it that don't own the folder.

    Raises:
        ConfigError: the folder holds another sweep, or jobs of another configuration.
        UserError: another process is at work in it.
    """
    with owned(sweep.folder, "hydra.sweep.dir"):
        check_free(sweep.folder)
        before = read_plan(sweep.folder)
        if before is not None:
            _take_order(sweep, before)
            if not _same(before, sweep.plan):
                raise ConfigError(_difference(sweep.folder, before, sweep.plan))
        if finished(sweep.folder):
            raise ConfigError(f"hydra.sweep.dir={sweep.folder}: holds a single run; choose another")
        for job in range(len(sweep.plan.jobs)):  # damaged ones are trained again
            if finished(folder := sweep.folder / str(job)):
                finished_alike(folder, sweep.job(job))
        write_plan(sweep.folder, sweep.plan)
        OmegaConf.save(sweep.master, sweep.folder / "multirun.yaml")
        yield


def _take_order(sweep: Sweep, before: Plan) -> None:
    """Number the jobs as before, where they are the same: ``shuffle`` gives another order.

    Plans of earlier versions may hold a cell twice, and then it has two folders.
    """
    now = {cell(settings): i for i, settings in enumerate(sweep.plan.jobs)}
    order = [now.get(cell(settings)) for settings in before.jobs]
    found = [i for i in order if i is not None]
    if len(found) < len(order) or set(found) != set(now.values()) or found == [*range(len(now))]:
        return
    sweep.plan.overrides = [sweep.plan.overrides[i] for i in found]
    sweep.plan.jobs = [sweep.plan.jobs[i] for i in found]
    sweep.plan.common = common_of(sweep.composer, sweep.plan.overrides)


def _same(before: Plan, now: Plan) -> bool:
    cells, earlier = ([cell(settings) for settings in plan.jobs] for plan in (now, before))
    alike = difference(before.common, now.common) is None
    return alike and before.keys == now.keys and cells == earlier


def _difference(folder: Path, before: Plan, now: Plan) -> str:
    """Why `now` can't go on with the sweep that was planned as `before`."""
    end = f"; choose another hydra.sweep.dir than {folder}, or repeat the command it began with"
    if before.keys != now.keys:
        return f"swept keys: {', '.join(now.keys)}, but {', '.join(before.keys)} before{end}"
    for key in now.keys:
        values = [
            list({cell({key: job[key]}): job[key] for job in plan.jobs}.values())
            for plan in (now, before)
        ]
        if values[0] != values[1]:
            return f"{key}: sweeps over {values[0]}, but over {values[1]} before{end}"
    changed = difference(before.common, now.common)
    return f"{changed or 'the jobs are in another order than before'}{end}"


def report_failures(folder: Path, results: Mapping[int, JobReturn]) -> None:
    """Raise a `UserError` about the jobs that failed: folders, settings and causes.

    A line for each, but for jobs beyond `FIRST` with the same cause, which are counted.

    Args:
        results: by number of the job.
    """
    alike: dict[str, list[str]] = {}
    for number, result in results.items():
        if result.status is JobStatus.FAILED:
            job = f"{folder / str(number)} ({' '.join(result.overrides or [])})"
            alike.setdefault(named(result._return_value), []).append(job)
    lines = []
    for cause, jobs in alike.items():
        lines += [f"{job}: {cause}" for job in jobs[:FIRST]]
        if others := len(jobs[FIRST:]):
            lines.append(f"and {others} more: {cause}")
    if failed := sum(map(len, alike.values())):
        raise UserError("\n".join([*lines, f"{failed} of {len(results)} jobs failed"]))
