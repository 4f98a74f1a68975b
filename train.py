"""Train one member, or with ``-m`` a sweep: ``python train.py --help``."""

from grok.cli import train

if __name__ == "__main__":
    train()
