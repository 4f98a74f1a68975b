"""Tables in, tables out: what tables, pictures and the report show is made here.

`layout` chooses axes and panels, `scales` what lies where on them, `labels` their words, `kinds`
what is drawn at all. A module of `pictures` has its numbers in the one of the same name. Of a
landscape over two keys they are in `reduced`, `flow` and `dependence`; of two sweeps in `matching`
and `agreement`.
"""
