"""A sweep's folder in, its table and pictures out: reads records, needs no torch.

Rooms, each of which knows only those before it: `read` makes a table of the records, `numbers`
makes tables of tables, `pictures` draws them with Matplotlib and `report` as one interactive page,
which shares the looks of the pictures. `command` is ``analyze.py``: `options` are its command line,
`summary` is what it prints, `progress` what it does, `output` writes files, and `tracking` takes
members over to an experiment tracker.
"""

from grok.analysis.read.sweep import Sweep
from grok.analysis.read.table import load, read_sweep

__all__ = ["Sweep", "load", "read_sweep"]
