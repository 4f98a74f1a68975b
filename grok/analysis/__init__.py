"""A sweep's folder in, its table and pictures out: reads records, needs no torch.

Modules, in the order the data goes: `table` reads the records, `layout` chooses axes and panels,
`phase_diagram`, `lines`, `curves` and `trajectories` draw, `pictures` lists what is drawn,
`report` makes one interactive page of it and `command` is ``analyze.py``.
"""

from grok.analysis.table import Sweep, load, read_sweep

__all__ = ["Sweep", "load", "read_sweep"]
