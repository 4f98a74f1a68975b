"""``logspace`` and ``linspace`` as values of a sweep: ``opt.lr_dec='logspace(-5,-2,7)'``."""

# Hydra reads the types, so their annotations aren't postponed.
from hydra._internal.grammar.functions import Functions
from hydra.core.override_parser import overrides_parser
from hydra.core.override_parser.types import ChoiceSweep

from grok.composing import linspace, logspace

DIGITS = 6
"""Of a value; grids are compared to four."""

_functions_of_hydra = overrides_parser.create_functions


def register() -> None:
    """Make the command line know them; there is no other hook."""
    overrides_parser.create_functions = _functions


def _functions() -> Functions:
    functions = _functions_of_hydra()
    functions.register(name="linspace", func=_linspace)
    functions.register(name="logspace", func=_logspace)
    return functions


def _linspace(start: int | float, stop: int | float, values: int) -> ChoiceSweep:
    return _choice(linspace(start, stop, values))


def _logspace(start: int | float, stop: int | float, values: int) -> ChoiceSweep:
    if 0 < start < 0.1 and stop / start >= 10:  # of no use as exponents
        raise ValueError("its ends are exponents of ten")
    return _choice(logspace(start, stop, values))


def _choice(values: list[float]) -> ChoiceSweep:
    if not values:
        raise ValueError("no values")
    return ChoiceSweep(list=[float(f"{value:.{DIGITS}g}") for value in values])
