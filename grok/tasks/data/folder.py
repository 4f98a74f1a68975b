"""The folder that data sets are fetched into, and what fetches them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from grok.errors import UserError

DEFAULT = "~/.cache/grok"
"""As in ``conf/data/``."""


def check_there(folder: Path) -> None:
    """Make sure that nothing is fetched into a folder whose name has been mistyped.

    Raises:
        UserError: it isn't there, and not the default, which is made.
    """
    if not folder.is_dir() and folder != Path(DEFAULT).expanduser():
        raise UserError(
            f"data.dir={folder}: isn't there; make it to have data fetched into it, or set "
            "data.dir or GROK_DATA_DIR to the folder that has them"
        )


def torchvision_datasets() -> Any:
    """What fetches files; only who has none of their own needs it.

    Raises:
        UserError: it isn't installed.
    """
    try:
        from torchvision import datasets
    except ModuleNotFoundError:
        raise UserError("no torchvision here: pip install 'grokphase[fetch]'") from None
    return datasets
