"""Train one member, or with ``-m`` a sweep: ``python train.py --help``."""

from grok.errors import run_reporting


def main() -> None:
    """Import what takes a while where Ctrl-C already ends in a line."""
    from grok.cli import main

    main()


if __name__ == "__main__":
    run_reporting(main)
