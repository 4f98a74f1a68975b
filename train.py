"""Train one member, or with ``-m`` a sweep: ``python train.py --help``."""

from grok.cli import main

if __name__ == "__main__":
    main()
