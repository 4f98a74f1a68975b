"""Records, curves and published grids, from the disk into tables."""
