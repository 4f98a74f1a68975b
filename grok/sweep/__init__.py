"""From a command line to the jobs of a sweep: overrides, plan, checks. Imports no PyTorch.

Python binds this package to the name of the public function ``grok.sweep`` once it is imported, so
that calling it calls the function.
"""

import sys
from types import ModuleType
from typing import Any

import grok


class _Callable(ModuleType):
    def __call__(self, *args: Any, **settings: Any) -> Any:
        """As `grok.api.sweep`."""
        return grok.__getattr__("sweep")(*args, **settings)


sys.modules[__name__].__class__ = _Callable
