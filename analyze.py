"""Draw a sweep: ``python analyze.py multirun/<date>/<time>`` (see `grok.analysis`)."""

import sys
import warnings

from grok.errors import debugging, run_reporting


def main() -> None:
    """Import what takes a while where Ctrl-C already ends in a line."""
    from grok.analysis.command import main

    if not (sys.warnoptions or debugging()):
        warnings.simplefilter("ignore")  # what libraries say to who calls them, not to the user
    main()


if __name__ == "__main__":
    run_reporting(main)
