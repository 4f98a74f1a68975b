"""Draw a sweep: ``python analyze.py multirun/<date>/<time>`` (see `grok.analysis`)."""

from grok.cli import analyze

if __name__ == "__main__":
    analyze()
