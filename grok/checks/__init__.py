"""Mistakes found before anything trains, a line each: the key, the value and the fix."""
