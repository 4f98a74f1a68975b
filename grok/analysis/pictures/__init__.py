"""Numbers in, matplotlib figures out: no number is made here.

`catalogue` lists all pictures; `canvas` makes their panels and legends, `palette` their looks,
which the report shares.
"""
