"""Fixtures shared by all tests; global state is put back after each."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra.core.singleton import Singleton
from hydra.version import VersionBase

from grok.schema import PhaseRule, Seed

ROOT = Path(__file__).parent.parent
# the user's folder, also in the processes that pytest starts
os.environ.setdefault("GROK_FULL_DATA", os.environ.get("GROK_DATA_DIR", "~/.cache/grok"))
USERS_DATA = Path(os.environ["GROK_FULL_DATA"]).expanduser()
# a part of MNIST: the training images that the seed 0 draws from the whole set are those that it
# draws from this part, and the test images are the first 1000
os.environ["GROK_DATA_DIR"] = str(ROOT / "tests" / "data")
# a shell's background jobs, and all they start, ignore Ctrl-C
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def _plugins() -> None:
    """Hydra's plugins, found before the first state is kept that a test goes back to."""
    from hydra.core.plugins import Plugins

    Plugins.instance()


@pytest.fixture(autouse=True)
def _restore_hydra(_plugins: None, hydra_restore_singletons: None) -> None:
    """Hydra's own fixture, for every test; and no version that a wider fixture has set."""
    Singleton._instances.pop(VersionBase, None)


@pytest.fixture(autouse=True)
def _restore_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command makes the working folder importable, a test's for one."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture(scope="session")
def full_data() -> Path:
    """The folder of the whole of MNIST, where this machine has it."""
    from grok.tasks.data import idx

    if idx.located("mnist", USERS_DATA) is None:
        pytest.skip(f"the whole of MNIST isn't in {USERS_DATA}")
    return USERS_DATA


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def make_member(tmp_path: Path) -> Any:
    """Makes members of toy addition, each with a folder of its own."""
    from grok.engine import Member
    from grok.optim import AdamW
    from grok.tasks.toy import ToyAddition

    def make(
        name: str = "0",
        lr: float = 1e-3,
        wd: float = 1.0,
        data: int = 42,
        model: int = 102,
        budget: int = 200,
        early_stop: bool = True,
        betas: tuple[float, float] = (0.9, 0.999),
        **task: Any,
    ) -> Member:
        return Member(
            folder=tmp_path / name,
            task=ToyAddition(**task),
            opt=AdamW(lr_enc=1e-3, lr_dec=lr, wd_enc=0.0, wd_dec=wd, betas=betas),
            phase=PhaseRule(0.9, 1e-3, budget, 1000, early_stop),
            seed=Seed(data, model),
            task_name="toy",
        )

    return make


@pytest.fixture
def stack_of() -> Any:
    """Stacks members, uncompiled on the CPU."""
    import torch

    from grok.engine.stack import Stack

    def stack(
        members: list[Any], dtype: torch.dtype = torch.float32, compiled: bool = False
    ) -> Stack:
        drawn = [member.drawn(dtype) for member in members]
        return Stack(members[0].task, drawn, torch.device("cpu"), compiled)

    return stack


@pytest.fixture
def train_members() -> Any:
    """Trains members uncompiled and returns their records."""
    from grok.composing import compose
    from grok.job import setup
    from grok.record.record import read_record
    from grok.training import train

    def run(members: list[Any], *overrides: str, size: int | None = None) -> list[Any]:
        cfg = compose("engine.compile=false", "engine.steps_per_call=50", *overrides)
        train(members, setup(cfg), size=size or len(members))
        return [read_record(member.folder) for member in members]

    return run


@pytest.fixture
def sweep_loader(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What composes the configurations of the command line."""
    import hydra._internal.hydra
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    from grok.composing import CONF, register
    from grok.sweeps import loader

    name = "ConfigLoaderImpl"
    monkeypatch.setattr(hydra._internal.hydra, name, getattr(hydra._internal.hydra, name))
    register()
    loader.register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture(scope="session")
def run_python() -> Any:
    """Runs Python from the repository's folder; a completed process with its texts."""

    def run(*arguments: Any, **environment: str) -> subprocess.CompletedProcess[str]:
        env = {key: value for key, value in os.environ.items() if key != "HYDRA_FULL_ERROR"}
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(
            command,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            env=env | environment,
            timeout=600,
        )

    return run


@pytest.fixture(scope="session")
def run_train(run_python: Any) -> Any:
    """Runs ``train.py``."""
    return functools.partial(run_python, "train.py")
