"""Which keys there are in the configurations that a command line chooses."""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from hydra._internal.config_repository import ConfigRepository
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import OmegaConf

from grok.checks.wording import nearest
from grok.checks.words import given
from grok.compose import CONF, compose
from grok.record.difference import flat

SEARCHPATH = "hydra.searchpath"


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
    hint = hint or "; " + " ".join(
        ["python train.py", *_where(arguments), *chosen.split(), f"--cfg {shown} lists them"]
    )
    return f"{given(key, arguments)}: no such key{f' with {chosen}' if chosen else ''}{hint}"


def keys_of(group: str) -> list[str]:
    """The keys of a group, by full name."""
    section = group.replace("/", ".") + "."
    return [key for key in _composed([]).keys if key.startswith(section) and "._" not in key]


def options_of(group: str, arguments: Sequence[str]) -> list[str]:
    """The options of a group: grok's and, of folders that the command line names, the user's."""
    return sorted(set(_options(_repository(arguments), group)))


def _options(found: ConfigRepository, group: str) -> Iterator[str]:
    yield from found.get_group_options(group, ObjectType.CONFIG)
    for inner in found.get_group_options(group, ObjectType.GROUP):
        yield from (f"{inner}/{option}" for option in _options(found, f"{group}/{inner}"))


def words_for_no_option(arguments: Sequence[str]) -> list[str]:
    """The words that give a group what can't be the name of an option."""
    found = _repository(arguments)
    return [
        str(override.input_line)
        for override in _readable(overrides_of(arguments))
        if _is_group(override.key_or_group, found)
        and not all(isinstance(value, str | list) for value in _values(override))
    ]


def overrides_of(arguments: Sequence[str]) -> list[str]:
    """The words of a command line that aren't options such as ``-m``."""
    return list(get_args_parser().parse_known_args(list(arguments))[0].overrides)


def _all_chosen(arguments: Sequence[str]) -> Iterator[Chosen]:
    """The configuration of each combination of options of groups."""
    found = _repository(arguments)
    folders = [QuotedString(path, Quote.single).with_quotes() for path in searchpath(arguments)]
    options = [
        [f"{override.get_key_element()}={value}" for value in _values(override)]
        for override in _readable(overrides_of(arguments))
        if _is_group(override.key_or_group, found) and not override.is_delete()
    ]
    for combination in itertools.product(*options):
        try:
            yield _composed([*combination, f"hydra.searchpath=[{','.join(folders)}]"])
        except HydraException:  # told by whatever composes it to be run
            continue


def searchpath(arguments: Sequence[str]) -> list[str]:
    """Where options are looked for besides in grok's own folder, as Hydra writes it."""
    args, _ = get_args_parser().parse_known_args(list(arguments))
    folders = [f"file://{os.path.abspath(args.config_dir)}"] if args.config_dir else []
    for override in _readable(args.overrides):
        value = override.value()
        if override.key_or_group == SEARCHPATH and isinstance(value, list):
            folders += map(str, value)
    return folders


def _where(arguments: Sequence[str]) -> list[str]:
    """The words that say where options are looked for, to be pasted."""
    args, _ = get_args_parser().parse_known_args(list(arguments))
    option = ["--config-dir", args.config_dir] if args.config_dir else []
    words = [word for word in args.overrides if word.partition("=")[0] == SEARCHPATH]
    return [shlex.quote(word) for word in [*option, *words]]


def _repository(arguments: Sequence[str]) -> ConfigRepository:
    """All that options are looked for in, by Hydra's own way of looking."""
    path = ConfigSearchPathImpl()
    for folder in (f"file://{CONF}", *searchpath(arguments)):
        path.append("grok", folder)
    return ConfigRepository(path)


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


def _is_group(key: str, found: ConfigRepository) -> bool:
    return key.startswith("hydra/") or found.group_exists(key)


def _composed(overrides: list[str]) -> Chosen:
    GlobalHydra.instance().clear()
    cfg = compose(*overrides, return_hydra_config=True)
    content: Any = OmegaConf.to_container(cfg, resolve=False)
    return Chosen(list(flat(content)), dict(cfg.hydra.runtime.choices))
