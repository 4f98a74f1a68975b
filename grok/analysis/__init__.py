"""A sweep's folder in, its table and pictures out: reads records, needs no torch.

Modules, in the order the data goes: `folder` reads the records and `table` makes a table of them,
`files` reads what members recorded besides, `mixture` tells whether they were made alike and
`summary` what they came to, `layout` chooses axes and panels, `phase_diagram`, `seeds`, `lines`,
`curves`, `measures`, `spectra` and `trajectories` draw, `theory` draws over them, `pictures` lists
what is drawn, `report` makes one interactive page of it, `output` writes it and `command` is
``analyze.py``. Landscapes are those of `landscape` (with `dependence`) and, over two keys, of
`reduced` (numbers) and `plane_maps` (pictures), with `flow` and `paths` over them. Two sweeps, one
maybe `published`, go through `matching` to `agreement` (numbers) and `agreement_map` (picture).
"""

from grok.analysis.read.sweep import Sweep
from grok.analysis.read.table import load, read_sweep

__all__ = ["Sweep", "load", "read_sweep"]
