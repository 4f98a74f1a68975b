"""What ``grok-train`` runs: Hydra's application, with one clear line for each mistake."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from grok import program
from grok.checks.explain import explained
from grok.checks.option_files import check_searchpath
from grok.checks.wording import nearest
from grok.checks.words import with_folders, with_home
from grok.composing import CONF, VERSION_BASE
from grok.errors import (
    ConfigError,
    FailedJobError,
    UsageError,
    UserError,
    debugging,
    interrupted,
    named,
    run_reporting,
)
from grok.job import leave_error, run
from grok.launch.processes import ending_with_parent, is_worker
from grok.sweeps.folders import OwnFolder
from grok.sweeps.going_on import interrupted_run
from grok.sweeps.planned import extend_hydra


def job(cfg: DictConfig) -> None:
    """One Hydra job: one member."""
    if HydraConfig.get().mode is RunMode.MULTIRUN:
        try:
            with ending_with_parent() if is_worker() else contextlib.nullcontext():
                run(cfg)
        except Exception as error:  # the sweeper reports it, once all jobs have had their turn
            leave_error(Path(HydraConfig.get().runtime.output_dir), error)
            # not every exception comes back whole from another process
            raise FailedJobError(named(error)) from error
    else:
        run_reporting(lambda: _explaining(lambda: _single_run(cfg), EXPLAINED))


def _single_run(cfg: DictConfig) -> None:
    try:
        run(cfg)
    except BaseException as error:
        if isinstance(error, ConfigError):
            OwnFolder.leave()
        if not interrupted(error):
            raise
        raise interrupted_run(Path(HydraConfig.get().run.dir)) from None


# What a single run can be told of in a line; anything else there is a bug, with its traceback.
EXPLAINED = (HydraException, OmegaConfBaseException, OSError)
COMMANDS = {
    "new-task": "grok.new_task",
    "work": "grok.cli.work",
    "status": "grok.cli.status",
}
"""Words that begin a command of their own, and the module with its ``main``."""
NO_INIT = "provider=hydra.searchpath"


def main() -> None:
    """Compose, check and train; mistakes end with one line each and exit status 2 or 1."""
    extend_hydra()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # hand exceptions on to here
    # joblib's, when interrupted, and Hydra's of a package's folder without an __init__.py
    os.environ.setdefault("PYTHONWARNINGS", f"ignore:resource_tracker,ignore:{NO_INIT}")
    warnings.filterwarnings("ignore", message=NO_INIT)
    command = hydra.main(version_base=VERSION_BASE, config_path=str(CONF), config_name="config")(
        job
    )

    def composed() -> None:
        words = sys.argv[1:]
        first = next(iter(words), "")
        if first in COMMANDS:
            own = importlib.import_module(COMMANDS[first])
            _explaining(lambda: own.main(words[1:]), (Exception,))
            return
        if first.isidentifier() and (meant := nearest(first, COMMANDS)):
            raise UsageError(f"{first}: no such command{meant}")
        _read_words()
        _explaining(command, (Exception,))

    run_reporting(composed)


def _explaining(command: Callable[[], None], errors: tuple[type[Exception], ...]) -> None:
    """Run `command`; its `errors` become `UserError` with a line that says what to mend."""
    try:
        command()
    except (UserError, BrokenPipeError):
        raise
    except errors as error:
        if debugging():
            raise
        if isinstance(error, OSError) and not isinstance(error, HydraException):
            error.filename = error.filename or OwnFolder.latest  # where Hydra was writing
        raise explained(error, sys.argv[1:]) from error


def _read_words() -> None:
    """Refuse options that there aren't, put the others first, and write folders in full.

    Raises:
        UserError: an option that isn't one, or a folder that isn't there.
    """
    parser = get_args_parser()
    parser.error = _unknown_option  # type: ignore[method-assign]
    words = sys.argv[1:]
    args, behind = parser.parse_known_args(words)
    if unknown := [word for word in behind if word.startswith("-")]:
        _unknown_option(f"unrecognized arguments: {' '.join(unknown)}")
    if args.multirun and "hydra.mode=RUN" in args.overrides:
        raise UsageError("hydra.mode=RUN: -m says otherwise; leave one of them out")
    if args.multirun and args.cfg:
        raise UsageError(f"--cfg {args.cfg}: shows a single configuration; leave -m out")
    overrides = [word for word in words if word in {*args.overrides, *behind}]
    options = [word for word in words if word not in overrides]  # Hydra wants them together
    sys.argv[1:] = [*map(with_home, options), *with_folders(overrides)]
    check_searchpath(sys.argv[1:])


def _unknown_option(message: str) -> NoReturn:
    raise UsageError(f"{message}; {program.name()} --help")
