"""``hydra/launcher=stacked``: the jobs of a sweep trained together, as stacks of members."""

from hydra_plugins.stacked_launcher.stacked_launcher import StackedLauncher

__all__ = ["StackedLauncher"]
