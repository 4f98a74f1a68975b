"""Draw a sweep: ``python analyze.py multirun/<date>/<time>`` (see `grok.analysis`)."""

import sys
import warnings

from grok.analysis.command import main
from grok.errors import debugging, run_reporting

if __name__ == "__main__":
    if not (sys.warnoptions or debugging()):
        warnings.simplefilter("ignore")  # what libraries say to who calls them, not to the user
    run_reporting(main)
