"""The command line of ``train.py``: Hydra's, with one clear line for each mistake."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from grok import config, run
from grok.errors import debugging, run_reporting
from grok.sweep.explain import explained

CONF = Path(__file__).parent.parent / "conf"


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def job(cfg: DictConfig) -> None:
    """One Hydra job: one member."""
    run.run(cfg)


def main() -> None:
    """Compose, check and train; mistakes end with one line each and exit status 2 or 1."""
    config.register()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # hand exceptions on to here
    run_reporting(_compose_and_run)


def _compose_and_run() -> None:
    try:
        job()
    except (HydraException, OmegaConfBaseException, OSError) as error:
        if debugging():
            raise
        raise explained(error, sys.argv[1:]) from None
