"""grok without what only some systems have: Windows lacks all of it."""

import errno
import os
import subprocess
import sys

import pytest

from grok.record.files import atomic_path

LACKING = """
import os, signal, sys
for module, name in [(signal, "SIGHUP"), (signal, "pthread_sigmask"), (os, "getppid")]:
    delattr(module, name)
sys.modules["fcntl"] = None
from pathlib import Path
from grok import errors
from grok.cli import train
from grok.launch.processes import ending_with_parent
from grok.sweeps.folders import owned
from grok.sweeps.going_on import deaf_children

def use():
    with owned(Path(sys.argv[1]), "hydra.run.dir"), deaf_children(), ending_with_parent():
        print([signal.name for signal in errors.ENDING])

errors.run_reporting(use)
sys.argv = ["train.py", "opt.lr_dec=-1"]
train()
"""


def test_what_windows_lacks(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", LACKING, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stdout == "['SIGTERM']\n"
    assert done.stderr == "error: opt.lr_dec=-1.0: must be a number of at least 0\n"


@pytest.mark.parametrize(
    ("name", "number"), [("open", errno.EACCES), ("fsync", errno.EINVAL), ("fsync", errno.ENOTSUP)]
)
def test_folders_that_can_not_be_synced(name, number, tmp_path, monkeypatch):
    """Windows opens no folder; some disks in a network sync none."""
    theirs, folders = getattr(os, name), []

    def refuse(what, *more):
        opened = what if name == "open" else f"/proc/self/fd/{what}"
        if os.path.isdir(opened):
            folders.append(what)
            raise OSError(number, "no folder")
        return theirs(what, *more)

    monkeypatch.setattr(os, name, refuse)
    with atomic_path(tmp_path / "new" / "file") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "new" / "file").read_text() == "whole"
    assert len(folders) == 2


def test_a_disk_that_fails_is_no_such_thing(tmp_path, monkeypatch):
    def fail(_):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="broken"), atomic_path(tmp_path / "file") as temporary:
        temporary.write_text("lost")
    assert list(tmp_path.iterdir()) == []
