"""The commands ``grok-train`` and ``grok-analyze``, in a checkout ``train.py`` and ``analyze.py``.

What takes a while is imported where Ctrl-C already ends in a line.
"""

from __future__ import annotations

import sys
import warnings

from grok.errors import debugging, run_reporting


def train() -> None:
    """Train one member, or with ``-m`` a sweep."""

    def command() -> None:
        from grok.cli.application import main

        main()

    run_reporting(command)


def analyze() -> None:
    """Write a sweep's table, pictures and report."""

    def command() -> None:
        from grok.analysis.command import main

        if not (sys.warnoptions or debugging()):
            warnings.simplefilter("ignore")  # what libraries say to who calls them, not to the user
        main()

    run_reporting(command)
