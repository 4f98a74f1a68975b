"""Where the reader of standard output has gone, or it can't be written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def analysed(sweep, stdout, **environment):
    """``analyze.py`` of a sweep of which no member has finished."""
    for path in sweep.glob("*/result.json"):
        path.unlink()
    command = [sys.executable, str(ROOT / "analyze.py"), str(sweep)]
    return subprocess.run(
        command,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=os.environ | environment,
    )


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_gone_is_no_error(grid_sweep, unbuffered):
    reader, writer = os.pipe()
    os.close(reader)
    ended = analysed(grid_sweep, writer, PYTHONUNBUFFERED=unbuffered)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_standard_output_is_a_line(grid_sweep):
    with Path("/dev/full").open("w") as full:
        ended = analysed(grid_sweep, full)
    assert ended.returncode == 1
    assert ended.stderr == (
        "error: standard output: can't be written (No space left on device); send it elsewhere\n"
    )
