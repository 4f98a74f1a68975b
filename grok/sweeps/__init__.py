"""From a command line to the jobs of a sweep: overrides, plan, checks. Imports no PyTorch."""
