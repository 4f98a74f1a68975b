"""Workers end with what started them, on every system."""

import multiprocessing
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from grok.launch import processes

STARTS = """
import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid())])
"""
WATCHES = """
import sys, time
from types import SimpleNamespace
from grok.launch import processes
parent = SimpleNamespace(pid=int(sys.argv[1]))
processes.multiprocessing.parent_process = lambda: parent
with processes.ending_with_parent():
    time.sleep(60)
print("still here")
"""


@pytest.fixture
def parent(monkeypatch):
    """Makes something the process that started this one."""
    return lambda it: monkeypatch.setattr(multiprocessing, "parent_process", lambda: it)


def test_who_has_a_parent_is_no_orphan(parent):
    assert not processes.orphaned()
    parent(SimpleNamespace(pid=os.getppid()))
    assert not processes.orphaned()
    parent(SimpleNamespace(pid=os.getpid()))
    assert processes.orphaned()


@pytest.mark.parametrize("alive", [True, False])
def test_windows_is_asked_whether_the_parent_lives(alive, parent, monkeypatch):
    monkeypatch.setattr(processes.sys, "platform", "win32")
    parent(SimpleNamespace(is_alive=lambda: alive))
    assert processes.orphaned() is not alive


def test_an_orphan_ends():
    """The pipe is closed when the last process that writes to it has ended."""
    command = [sys.executable, "-c", STARTS, WATCHES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=40, check=True)
    assert (done.stdout, done.stderr) == ("", "")
