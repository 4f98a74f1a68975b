"""The command in this process, several times as quick as in one of its own."""

import sys

from grok.cli import application


def run_in_process(monkeypatch, *arguments, script="train.py"):
    """The exit status of ``train.py``, or another `script`, with `arguments`."""
    monkeypatch.setattr(sys, "argv", [script, *map(str, arguments)])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")  # as main sets it; undone after the test
    try:
        application.main()
    except SystemExit as ended:
        return ended.code
    return 0
