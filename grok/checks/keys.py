"""Which keys there are in the configurations that a command line chooses."""

from __future__ import annotations

import contextlib
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

from grok import program
from grok.checks.wording import nearest
from grok.checks.words import given
from grok.composing import CONF, compose
from grok.record.difference import flat

OPEN = (
    "hydra.callbacks.",
    "hydra.job.env_set.",
    "hydra.job_logging.",
    "hydra.hydra_logging.",
    "hydra.launcher.additional.",
)
"""Sections of Hydra's that keys may be added to."""
SEARCHPATH = "hydra.searchpath"
RUNTIME = ("hydra.runtime.", "hydra.overrides.")
"""Sections that Hydra fills in."""


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
    word = given(key, arguments)
    found, where = repository(arguments), _where(arguments)
    default = _composed([])
    lacking = (chosen for chosen in _all_chosen(arguments) if key not in chosen.keys)
    keys, choices = next(lacking, default)
    if word.startswith("~"):  # which takes sections as well
        keys = list(dict.fromkeys(name for each in keys for name in (*_sections(each), each)))
    group = _group_of(key, found)
    option = choices.get(group or "")
    hint = _elsewhere(key, group, option, arguments)
    chosen = f" with {group}={option}" if option else ""
    of_hydra = key.startswith("hydra")
    if key.startswith(OPEN) and not word.startswith("~"):
        hint = f"; write +{word} to add it"
    if not hint:
        others = [*keys, *choices] if "." not in key else keys
        hint = nearest(
            key,
            [
                each
                for each in others
                if each.startswith("hydra") == of_hydra and not each.startswith(RUNTIME)
            ],
        )
        if hint and option == default.choices.get(group or ""):
            chosen = ""
    if not hint:
        show = f"--cfg {'hydra' if of_hydra else 'job'}"
        choice = [f"{group}={option}"] if option else []
        hint = f"; {' '.join([program.name(), *where, *choice, show])} lists them"
    return f"{word}: no such key{chosen}{hint}"


def _group_of(key: str, found: ConfigRepository) -> str | None:
    """The group that chooses the section of `key`; None where none does."""
    sections = key.split(".")
    group = "/".join(sections[: 2 if sections[0] == "hydra" else 1])
    return group if len(sections) > 1 and options(group, found) else None


def _elsewhere(key: str, group: str | None, option: Any, arguments: Sequence[str]) -> str:
    """Which other options of its group have the key, in words; nothing where none has."""
    having = []
    for name in options(group, repository(arguments)) if group is not None else ():
        with contextlib.suppress(HydraException):  # a file of the user's, which nobody has chosen
            if name != option and key in _composed([f"{group}={name}"], arguments).keys:
                having.append(name)
    return f"; a key of {', '.join(f'{group}={name}' for name in having)}" if having else ""


def _sections(key: str) -> Iterator[str]:
    """The sections that a key lies in, such as ``callbacks.curves`` and ``callbacks``."""
    while key := key.rpartition(".")[0]:
        yield key


def repository(arguments: Sequence[str]) -> ConfigRepository:
    """All that options are looked for in, by Hydra's own way of looking."""
    path = ConfigSearchPathImpl()
    own = (f"file://{CONF}", "pkg://hydra.conf")
    for folder in (*own, *searchpath(arguments), "structured://"):
        path.append("grok", folder)
    return ConfigRepository(path)


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


def options(group: str, found: ConfigRepository) -> list[str]:
    """The options of a group, by name, grok's and the user's; none where it is no group."""
    return [] if group == "hydra" else sorted(set(_options(group, found)))


def _options(group: str, found: ConfigRepository) -> Iterator[str]:
    yield from found.get_group_options(group, ObjectType.CONFIG)
    for inner in found.get_group_options(group, ObjectType.GROUP):
        yield from (f"{inner}/{option}" for option in _options(f"{group}/{inner}", found))


def keys_of(group: str) -> list[str]:
    """The keys of a group, by full name."""
    section = group.replace("/", ".") + "."
    return [key for key in _composed([]).keys if key.startswith(section) and "._" not in key]


def group_of_keys(word: str, found: ConfigRepository) -> str:
    """The line about a group that is given a value."""
    group = word.lstrip("+~").partition("=")[0]
    if group == "hydra":
        return f"{word}: hydra is a section; {program.name()} --cfg hydra lists its keys"
    keys, choices = keys_of(group), options(group, found)
    fixes = [f"set {', '.join(keys)}"] if keys and not group.startswith("hydra") else []
    fixes += [f"choose from {', '.join(choices)}"] if choices != ["default"] else []
    return f"{word}: {group} is a group; {', or '.join(fixes)}"


def words_for_no_option(arguments: Sequence[str]) -> list[str]:
    """The words that give a group what can't be the name of an option."""
    found = repository(arguments)
    return [
        str(override.input_line)
        for override in _readable(overrides_of(arguments))
        if is_group(override.key_or_group, found)
        and not all(isinstance(value, str | list) for value in values_of(override))
    ]


def culprit(arguments: Sequence[str]) -> str | None:
    """The first word that nothing can be composed with; None where all can be."""
    words: list[str] = []
    for override in _readable(overrides_of(arguments)):
        if override.is_sweep_override():
            continue
        words.append(str(override.input_line))
        try:
            _composed(words, arguments)
        except Exception:  # OmegaConf's and Python's, of many kinds
            return words[-1]
    return None


def overrides_of(arguments: Sequence[str]) -> list[str]:
    """The words of a command line that aren't options such as ``-m``."""
    return list(get_args_parser().parse_known_args(list(arguments))[0].overrides)


def _all_chosen(arguments: Sequence[str]) -> Iterator[Chosen]:
    """The configuration of each combination of options of groups."""
    found = repository(arguments)
    options = [
        [f"{override.get_key_element()}={value}" for value in values_of(override)]
        for override in _readable(overrides_of(arguments))
        if is_group(override.key_or_group, found) and not override.is_delete()
    ]
    for combination in itertools.product(*options):
        try:
            yield _composed(list(combination), arguments)
        except HydraException:  # told by whatever composes it to be run
            continue


def _readable(words: Sequence[str]) -> Iterator[Override]:
    for word in words:
        try:
            yield from OverridesParser.create().parse_overrides([word])
        except HydraException:
            continue


def values_of(override: Override) -> list[Any]:
    """What an override sets its key to, one after the other."""
    if not override.is_sweep_override():
        return [override.value()]
    return [Override._convert_value(value) for value in override.sweep_iterator()]


def is_group(key: str, found: ConfigRepository) -> bool:
    """Whether a word of this key chooses an option."""
    return key.startswith("hydra/") or found.group_exists(key)


def _composed(overrides: list[str], arguments: Sequence[str] = ()) -> Chosen:
    """What `overrides` choose of the options that `arguments` say where to look for."""
    GlobalHydra.instance().clear()
    quoted = [QuotedString(path, Quote.single).with_quotes() for path in searchpath(arguments)]
    where = f"{SEARCHPATH}=[{','.join(quoted)}]"
    cfg = compose(*overrides, where, return_hydra_config=True)
    content: Any = OmegaConf.to_container(cfg, resolve=False)
    return Chosen(list(flat(content)), dict(cfg.hydra.runtime.choices))
