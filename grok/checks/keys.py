"""Which keys there are in the configurations that a command line chooses."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import OmegaConf

from grok import program
from grok.checks.wording import nearest
from grok.checks.words import given
from grok.compose import CONF, compose
from grok.record.difference import flat


class Chosen(NamedTuple):
    """A composed configuration: the names of its keys, and group to chosen option."""

    keys: list[str]
    choices: dict[str, Any]


def no_such_key(key: str, arguments: Sequence[str]) -> str:
    """The line about a key that a chosen configuration doesn't have.

    Args:
        key: full name.
        arguments: the words of the command line.
    """
    default = _composed([])
    lacking = (chosen for chosen in _all_chosen(arguments) if key not in chosen.keys)
    keys, choices = next(lacking, default)
    hint = nearest(key, keys if "." in key else [*keys, *choices])
    sections = key.split(".")
    groups = [group for group in ("/".join(sections[:2]), sections[0]) if choices.get(group)]
    chosen = f"{groups[0]}={choices[groups[0]]}" if groups else ""
    if hint and chosen and choices[groups[0]] == default.choices.get(groups[0]):
        chosen = ""
    shown = "all" if key.startswith("hydra") else "job"
    hint = hint or "; " + " ".join([program.name(), *chosen.split(), f"--cfg {shown} lists them"])
    return f"{given(key, arguments)}: no such key{f' with {chosen}' if chosen else ''}{hint}"


def keys_of(group: str) -> list[str]:
    """The keys of a group, by full name."""
    section = group.replace("/", ".") + "."
    return [key for key in _composed([]).keys if key.startswith(section) and "._" not in key]


def words_for_no_option(arguments: Sequence[str]) -> list[str]:
    """The words that give a group what can't be the name of an option."""
    return [
        str(override.input_line)
        for override in _readable(overrides_of(arguments))
        if _is_group(override.key_or_group)
        and not all(isinstance(value, str | list) for value in _values(override))
    ]


def overrides_of(arguments: Sequence[str]) -> list[str]:
    """The words of a command line that aren't options such as ``-m``."""
    return list(get_args_parser().parse_known_args(list(arguments))[0].overrides)


def _all_chosen(arguments: Sequence[str]) -> Iterator[Chosen]:
    """The configuration of each combination of options of groups."""
    args, _ = get_args_parser().parse_known_args(list(arguments))
    where = [f"hydra.searchpath=['file://{args.config_dir}']"] if args.config_dir else []
    options = [
        [f"{override.get_key_element()}={value}" for value in _values(override)]
        for override in _readable(args.overrides)
        if _is_group(override.key_or_group) and not override.is_delete()
    ]
    for combination in itertools.product(*options):
        try:
            yield _composed([*combination, *where])
        except HydraException:  # told by whatever composes it to be run
            continue


def _readable(words: Sequence[str]) -> Iterator[Override]:
    for word in words:
        try:
            yield from OverridesParser.create().parse_overrides([word])
        except HydraException:
            continue


def _values(override: Override) -> list[Any]:
    """What an override sets its key to, one after the other."""
    if not override.is_sweep_override():
        return [override.value()]
    return [Override._convert_value(value) for value in override.sweep_iterator()]


def _is_group(key: str) -> bool:
    return key.startswith("hydra/") or (CONF / key).is_dir()


def _composed(overrides: list[str]) -> Chosen:
    GlobalHydra.instance().clear()
    cfg = compose(*overrides, return_hydra_config=True)
    content: Any = OmegaConf.to_container(cfg, resolve=False)
    return Chosen(list(flat(content)), dict(cfg.hydra.runtime.choices))
