"""Settings of what a ``_target_`` names, judged by the types of its own signature."""

from __future__ import annotations

import inspect
import os
import sys
import typing
from collections.abc import Iterable
from dataclasses import make_dataclass
from typing import Any

from hydra._internal.utils import _locate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException

from grok.checks.wording import expected, is_quoted, nearest, of_type, spelled
from grok.errors import ConfigError

OF_HYDRA = ("_target_", "_args_", "_partial_", "_recursive_", "_convert_")
UNTOLD = object()
"""A value that refers to what only a running job knows, such as its folder."""


def signature_problems(where: str, part: DictConfig) -> Iterable[str]:
    """A line for each setting that the class or function of `part` can't be called with.

    Args:
        where: full name of the part, such as ``callbacks.curves``.
        part: its settings, with the ``_target_``.
    """
    try:
        target = imported(f"{where}._target_", part["_target_"])
    except ConfigError as error:
        yield str(error)
        return
    parameters, types = _signature(target)
    settings = {key: _value(part, key) for key in map(str, part) if key not in OF_HYDRA}
    open_ended = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = [key for key, parameter in parameters.items() if parameter.kind not in open_ended]
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        for key in settings.keys() - set(named):
            hint = nearest(key, named) or f"; leave it out, with ~{where}.{key} if a file has it"
            yield f"{where}.{key}={spelled(settings.pop(key))}: no such key{hint}"
    for key in named:
        needed = parameters[key].default is inspect.Parameter.empty
        if needed and key not in settings and not {"_args_", "_partial_"} & part.keys():
            yield f"{where}.{key}: is needed by {target.__name__}; add +{where}.{key}=..."
    for key, value in settings.items():
        if value is not UNTOLD and (words := _mistyped(types.get(key, Any), value)):
            yield f"{where}.{key}={spelled(value)}: {words}"


def imported(key: str, target: Any) -> Any:
    """The class or function that a ``_target_`` names.

    Args:
        key: the full name of the ``_target_``.

    Raises:
        ConfigError: it can't be imported, and why.
    """
    if not isinstance(target, str):
        raise ConfigError(f"{key}: must be the full name of a class, such as mine.Mine")
    try:
        return _locate(target)
    except Exception as error:  # whatever importing somebody's module may raise
        cause = error.__cause__ or error
        reason = " ".join(str(cause).split())
        module, _, name = target.rpartition(".")
        if isinstance(cause, ModuleNotFoundError) and cause.name == target.partition(".")[0]:
            reason += f": it is neither installed, nor on PYTHONPATH or in {os.getcwd()}"
        elif isinstance(cause, ModuleNotFoundError) and cause.name == target:
            reason = f"there is no {name} in {getattr(sys.modules[module], '__file__', module)}"
        raise ConfigError(f"{key}={target}: can't be imported ({reason})") from None


def _value(part: DictConfig, key: str) -> Any:
    """A setting as the class gets it, or `UNTOLD`."""
    try:
        value = part[key]
    except InterpolationResolutionError:
        return UNTOLD
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value


def _signature(target: Any) -> tuple[dict[str, inspect.Parameter], dict[str, Any]]:
    """Parameters of a class or function, and their types where these can be told."""
    function = target.__init__ if inspect.isclass(target) else target
    try:
        return dict(inspect.signature(target).parameters), typing.get_type_hints(function)
    except (TypeError, ValueError, NameError):  # written in C, or of types imported for mypy only
        return {"settings": inspect.Parameter("settings", inspect.Parameter.VAR_KEYWORD)}, {}


def _mistyped(kind: Any, value: Any) -> str | None:
    """What `value` should have been to be of the type `kind`; None where it is."""
    try:
        schema = OmegaConf.structured(make_dataclass("Settings", [("value", kind)]))
    except (OmegaConfBaseException, ValueError):  # a type that no configuration can have
        return None
    try:
        typed = OmegaConf.merge(schema, {"value": value}).value
    except OmegaConfBaseException as error:
        return expected(error)
    words = of_type(kind)
    return f"must be {words}" if is_quoted(value, typed) and words else None
