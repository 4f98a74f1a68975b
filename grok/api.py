"""Training and sweeping from Python, as the command line does it: in a process of its own.

Nothing of Hydra, of PyTorch's settings or of the workers stays behind in the caller's process,
which may be a notebook's.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from grok.analysis import load, read_sweep
from grok.checks.words import typed
from grok.errors import BAD_CONFIG, ConfigError, UserError
from grok.record.record import Record, read_record
from grok.spelling import axis, spelled
from grok.sweeps.folders import new

if TYPE_CHECKING:
    import xarray

COMMAND = """\
import sys
from grok.errors import run_reporting
from grok.launch.processes import end_with_input
def main():
    from grok.cli.application import main
    end_with_input()
    main()
sys.argv[0] = "grok-train"
run_reporting(main)
"""
"""What the other process runs: the command, which ends with this process."""
MISTAKE = "error: "
PATIENCE = 60  # seconds that workers may take to end


class Run(NamedTuple):
    """One trained member.

    Attributes:
        folder: what it has left, for `grok.load` and `grok.load_member`.
        record: how it went, such as ``record.phase``, ``record.t_train`` and ``record.t_val``.
    """

    folder: Path
    record: Record


def train(
    overrides: Iterable[str] = (), *, folder: str | Path | None = None, **settings: Any
) -> Run:
    """Train one member, or go on with it.

    Args:
        overrides: words of the command line, such as ``"opt.lr_dec=1e-3"`` or
            ``"--config-dir=conf"``.
        folder: of the run; by default a new one, ``outputs/<date>/<time>``.
        settings: values by full key, such as ``task="modular"`` or ``**{"phase.budget": 500}``.

    Raises:
        ConfigError: settings that can't be trained, a line for each.
        UserError: what has failed.
        KeyboardInterrupt: called again with the same folder, it goes on.
    """
    where = _new_folder() if folder is None else Path(folder).expanduser()
    run_dir = typed("hydra.run.dir", str(where))
    _run([*_words(overrides), *_settings(settings), run_dir], where)
    return Run(where, read_record(where))


def sweep(
    grid: Mapping[str, Iterable[Any]],
    overrides: Iterable[str] = (),
    *,
    folder: str | Path,
    launcher: str = "stacked",
    **settings: Any,
) -> pd.DataFrame:
    """Train a member for each combination of the values of a grid, or go on with that.

    Args:
        grid: values by full key. They are kept as they are: numbers to the last digit, texts,
            True, False, None, and lists of these.
        overrides: as for `train`.
        folder: of the sweep. Called again with the same one, it trains what is left.
        launcher: ``stacked``, ``joblib`` or ``basic``.
        settings: as for `train`; all members have them.

    Returns:
        The table that `grok.load` makes of the folder: a row a member, in the order of the grid, of
        which the last key changes fastest.

    Raises:
        ConfigError, KeyboardInterrupt: as `train`.
        UserError: members that failed, a line for each of the first with a cause; `grok.load` has
            the others.
    """
    if not isinstance(grid, Mapping):
        raise ConfigError(f"grid={grid!r}: must be a dictionary of keys to lists of values")
    axes = [axis(key, values) for key, values in grid.items()]
    where = Path(folder).expanduser()
    sweep_dir = typed("hydra.sweep.dir", str(where))
    chosen = f"hydra/launcher={launcher}"
    words = ["-m", *_words(overrides), *_settings(settings), *axes, chosen, sweep_dir]
    _run(words, where)
    return load(where)


def load_xarray(folder: str | Path, budget: int | None = None) -> xarray.Dataset:
    """The table of a sweep as arrays, with a dimension for each swept key.

    A dimension is called as the key and has its values in rising order; every other column of
    `grok.load` is a variable over all dimensions. Where no member has finished, numbers are NaN,
    and so is a T_train or T_val that wasn't reached. Without swept keys the dimension is ``job``.

    Args:
        folder, budget: as for `grok.load`.

    Raises:
        UserError: as `grok.load`; or xarray isn't installed.
    """
    try:
        import xarray  # noqa: F401 - pandas needs it
    except ImportError:
        raise UserError("xarray isn't installed; pip install xarray, or use grok.load") from None
    found = read_sweep(Path(folder).expanduser(), budget)
    keys = found.keys or ["job"]
    cells = found.planned.set_index(keys).index
    if cells.has_duplicates:
        raise UserError(f"{folder}: several jobs have the same {', '.join(keys)}; use grok.load")
    table = found.known.set_index(keys)
    plain = {"Int64": "float64", "str": "object"}  # what xarray has too
    types = {name: plain[str(kind)] for name, kind in table.dtypes.items() if str(kind) in plain}
    arrays: xarray.Dataset = table.astype(types).reindex(cells).to_xarray()
    return arrays


def _new_folder() -> Path:
    return new(Path("outputs", datetime.now().strftime("%Y-%m-%d/%H-%M-%S")), "folder")


def _words(overrides: Iterable[str]) -> list[str]:
    return [overrides] if isinstance(overrides, str) else list(overrides)


def _settings(settings: Mapping[str, Any]) -> list[str]:
    return [f"{key}={spelled(key, value)}" for key, value in settings.items()]


def _run(words: list[str], folder: Path) -> None:
    """Run the command with these words; what it prints is printed here.

    Raises:
        ConfigError, UserError: the lines of its mistakes.
        KeyboardInterrupt: of this process; the command has ended too.
    """
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", COMMAND, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=os.environ | {"PYTHONPATH": path},
        start_new_session=True,  # Ctrl-C is for this process, which passes it on
    )
    mistakes: list[str] = []
    with process, _ended(process):
        reader = threading.Thread(target=_sort, args=(process.stderr, mistakes), daemon=True)
        reader.start()
        try:
            for line in process.stdout or ():
                print(line, end="", flush=True)
            process.wait()
        except KeyboardInterrupt:
            kept = f"what has finished in {folder} is kept; the same call goes on"
            raise KeyboardInterrupt(kept) from None
        reader.join()
    if process.returncode == 0:
        for line in mistakes:  # that the command has got over
            print(f"{MISTAKE}{line}", file=sys.stderr)
    else:
        lines = "\n".join(mistakes) or f"{folder}: training ended with status {process.returncode}"
        raise ConfigError(lines) if process.returncode == BAD_CONFIG else UserError(lines)


def _sort(errors: IO[str], mistakes: list[str]) -> None:
    """Keep the lines of mistakes, and print the others here."""
    for line in errors:
        if line.startswith(MISTAKE):
            mistakes.append(line.removeprefix(MISTAKE).rstrip("\n"))
        else:
            print(line, end="", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """End a process with the block, whatever happens in it."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            process.kill()
