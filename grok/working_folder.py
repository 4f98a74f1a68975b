"""The user's own modules: what lies in the working folder can be imported, as Python itself has it.

A console command puts its own folder first on Python's path, not the one that it is called in.
"""

from __future__ import annotations

import os
import sys


def make_importable(folder: str | None = None) -> None:
    """Let Python find modules in the working folder, or another, after all others.

    A file there can't take the place of a module that grok or a library imports. Processes that
    joblib starts have the path of the one that starts them.
    """
    folder = folder or os.getcwd()
    if folder not in sys.path:
        sys.path.append(folder)
