"""Data sets, found where they are or fetched."""
