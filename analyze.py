"""Draw a sweep: ``python analyze.py multirun/<date>/<time>`` (see `grok.analysis`)."""

from grok.analysis.command import main
from grok.errors import run_reporting

if __name__ == "__main__":
    run_reporting(main)
