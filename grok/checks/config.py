"""Mistakes in a composed configuration, found before anything trains: key, value and fix."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Callable, Iterable
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from grok.checks.signatures import imported, signature_problems
from grok.checks.wording import expected, is_quoted, nearest, spelled
from grok.composing import made
from grok.errors import ConfigError, UserError, cause, first_line
from grok.record.difference import flat
from grok.record.names import CURVE_COLUMNS
from grok.schema import Config, DataFolder

BASES = {"task": "grok.tasks.Task", "optimizer": "grok.optim.Optimizer"}
"""The contract of each."""
LEAST = {
    "grok.callbacks.Curves": {"points": ("whole number", 2)},
    "grok.callbacks.Checkpoints": {"seconds": ("number", 0)},
}
"""What a type doesn't say of grok's own callbacks; measures and tasks judge themselves."""


MOST = 10**6
"""Points of a curve, or seconds between checkpoints."""


def problems(
    cfg: DictConfig, judged: dict[str, list[str]] | None = None, here: bool = True
) -> list[str]:
    """A line for each mistake in a composed configuration: key, value and fix.

    Imports the modules of the task and the optimizer, so that these can judge their own keys.

    Args:
        judged: mistakes by task, kept here over the jobs of a sweep, which mostly share theirs.
        here: whether it is to be trained on this machine.
    """
    judged = {} if judged is None else judged
    found: list[str] = []
    found += _unknown_keys("", cfg, Config)
    found += _unknown_keys("data.", cfg.data, DataFolder)
    found += _typed_problems("opt", cfg.opt, "optimizer")
    for name in ("norm", "phase", "seed", "weights", "engine", "trainer"):
        section: Any = OmegaConf.to_object(cfg[name])
        found += _unknown_keys(f"{name}.", cfg[name], type(section))
        found += section.problems()
    for name in ("measures", "callbacks", "logger"):
        found += part_problems(name, cfg[name])
    found += _thread_problems(cfg.engine) if here else []
    if found:
        return found  # before PyTorch has to be imported

    def once(key: str, judge: Callable[[], list[str]]) -> list[str]:
        if key not in judged:
            judged[key] = judge()
        return judged[key]

    rates = ("lr_enc", "lr_dec", "wd_enc", "wd_dec")  # by which no optimizer is another
    opt = str({key: value for key, value in cfg.opt.items() if key not in rates})
    parts = OmegaConf.to_yaml(OmegaConf.masked_copy(cfg, ["measures", "callbacks", "logger"]))
    content = OmegaConf.to_yaml(cfg.task, resolve=True)
    others = (
        OmegaConf.to_yaml(cfg[name], resolve=True) for name in ("measures", "norm", "trainer")
    )
    together = content + "".join(others)
    return (
        once(parts, lambda: _setting_problems(cfg))
        or once(opt, lambda: _optimizer_problems(cfg))
        or once(content, lambda: _typed_problems("task", cfg.task, "task"))
        or once(together, lambda: once(_structure(cfg), lambda: _structural_problems(cfg)))
        or _budget_problems(cfg, judged) + (_gpu_problems(cfg.trainer) if here else [])
    )


def machine_problems(cfg: DictConfig) -> list[str]:
    """A line for each thing that a sound configuration asks for and this machine doesn't have."""
    return _thread_problems(cfg.engine) + _gpu_problems(cfg.trainer)


def _thread_problems(engine: DictConfig) -> list[str]:
    import joblib  # a tenth of a second that --help does without

    cores = joblib.cpu_count()
    found = engine.threads > cores
    return [f"engine.threads={engine.threads}: must be at most {cores} here"] if found else []


def _unknown_keys(prefix: str, section: DictConfig, schema: type) -> Iterable[str]:
    """Keys that were added with ``+`` and that nothing would read."""
    known = [field.name for field in dataclasses.fields(schema)]
    for key in map(str, section):
        if key not in known and key != "hydra":
            yield f"{prefix}{key}={section[key]}: no such key{nearest(key, known)}"


def part_problems(section: str, parts: DictConfig | None) -> list[str]:
    """Mistakes in a section whose entries are objects named by ``_target_``; no types."""
    found = []
    if parts and isinstance(target := parts.get("_target_"), str):
        return [
            f"{section}._target_={target}: has no name; put the keys of its file below one, such "
            f"as {target.rpartition('.')[2].lower()}:"
        ]
    for name, part in parts.items_ex(resolve=False) if parts else ():
        where = f"{section}.{name!s}"
        if not OmegaConf.is_dict(part) or not part.get("_target_"):
            found.append(f"{where}={part}: must be a mapping with a _target_, a class")
            continue
        found += _not_finite(f"{where}.", OmegaConf.to_container(part))
    return found


def _setting_problems(cfg: DictConfig) -> list[str]:
    """Settings of measures, callbacks and loggers that their classes can't take."""
    found = []
    for section in ("measures", "callbacks", "logger"):
        for name, part in (cfg[section] or {}).items():
            where = f"{section}.{name!s}"
            found += list(signature_problems(where, part)) or _out_of_range(where, part)
    return found


def _out_of_range(where: str, part: DictConfig) -> list[str]:
    limits = LEAST.get(part._target_, {})
    return [
        f"{where}.{key}={part[key]}: must be a {kind} of at least {least}"
        for key, (kind, least) in limits.items()
        if key in part and part[key] < least
    ] + [
        f"{where}.{key}={part[key]}: must be at most {MOST}"
        for key in limits
        if key in part and part[key] > MOST
    ]


def _not_finite(prefix: str, section: Any) -> Iterable[str]:
    """Numbers that neither a computation nor a record can do anything with."""
    for key, value in flat(section, prefix).items():
        if not _finite(value):
            yield f"{key}={value}: must be finite"


def _finite(value: Any) -> bool:
    if isinstance(value, list):
        return all(_finite(element) for element in value)
    return not isinstance(value, float) or math.isfinite(value)


def _gpu_problems(trainer: DictConfig) -> list[str]:
    if trainer.accelerator != "gpu":
        return []
    import torch

    found = torch.cuda.is_available()
    return [] if found else ["trainer=gpu: no GPU found here; choose trainer=cpu or trainer=auto"]


def _typed_problems(name: str, section: DictConfig, kind: str) -> list[str]:
    """Mistakes in a section that is one object, by the types and the checks of its class."""
    target = section.get("_target_")
    try:
        schema = imported(f"{name}._target_", target)
    except ConfigError as error:
        return [str(error)]
    if (
        not isinstance(schema, type)
        or not dataclasses.is_dataclass(schema)
        or not hasattr(schema, "problems")
    ):
        return [f"{name}._target_={target}: is no {kind}; make it a subclass of {BASES[kind]}"]
    if lacking := sorted(getattr(schema, "__abstractmethods__", ())):
        return [f"{name}._target_={target}: lacks {', '.join(lacking)}; see {BASES[kind]}"]
    settings = {str(key): value for key, value in section.items() if key != "_target_"}
    unknown = list(_unknown_keys(f"{name}.", OmegaConf.create(settings), schema))
    if len(unknown) > 1:  # of one cause: another class than the section is for
        keys = ", ".join(line.partition("=")[0] for line in unknown)
        return [f"{keys}: no such keys of {target}"]
    if unknown:
        key, hinted = unknown[0].partition("=")[0], "; did you mean " in unknown[0]
        return unknown if hinted else [f"{unknown[0]} of {target}; '~{key}' takes it out"]
    try:
        typed: Any = OmegaConf.merge(_structured(schema), settings)
        quoted = [key for key, value in settings.items() if is_quoted(value, typed[key])]
        if quoted:
            return [f"{name}.{key}={settings[key]}: must have no quotes" for key in quoted]
        checked: Any = OmegaConf.to_object(typed)
        numbers = OmegaConf.to_container(section, resolve=True)
        return list(checked.problems()) or list(_not_finite(f"{name}.", numbers))
    except OmegaConfBaseException as error:
        key = str(error.full_key or error.key).partition("[")[0]
        return [f"{name}.{key}={spelled(settings.get(key))}: {expected(error)}"]
    except UserError as error:
        return str(error).splitlines()
    except Exception as error:  # whatever somebody's __post_init__ or problems() may raise
        why = f"{type(error).__name__}: {first_line(error)}"
        return [f"{name}._target_={target}: can't be made, or judge its keys ({why})"]


def _structure(cfg: DictConfig) -> str:
    """What of a task, its measures and norms is checked once for all jobs that have it alike."""
    task: Any = OmegaConf.to_container(cfg.task, resolve=True)
    schema: Any = get_class(cfg.task._target_)
    kept = {
        key: value
        for key, value in task.items()
        if key not in (*schema.VARYING, *schema.SIZES) or not _is_number(value)
    }
    measures = OmegaConf.to_container(cfg.measures, resolve=True) if cfg.measures else {}
    norm = OmegaConf.to_container(cfg.norm, resolve=True)
    return json.dumps([kept, measures, norm, cfg.trainer.precision], sort_keys=True)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _budget_problems(cfg: DictConfig, judged: dict[str, list[str]]) -> list[str]:
    """Whether the task can say anything within the budget; looked into once for each of a size."""
    from grok.checks.task import unmeasured

    task: Any = OmegaConf.to_container(cfg.task, resolve=True)
    schema: Any = get_class(cfg.task._target_)
    for key in schema.VARYING:
        task.pop(key, None)
    case = json.dumps([task, cfg.phase.budget], sort_keys=True)
    if case not in judged:
        judged[case] = list(unmeasured(made(cfg.task), cfg.phase.budget))
    return judged[case]


def _optimizer_problems(cfg: DictConfig) -> list[str]:
    """Where an optimizer that isn't grok's own departs from its contract."""
    if cfg.opt._target_.startswith("grok."):
        return []
    from grok.checks.optimizer import mistakes

    return list(mistakes(made(cfg.opt)))


def _structural_problems(cfg: DictConfig) -> list[str]:
    """Where the task departs from its contract, and norms and measures that it hasn't."""
    from grok.checks.network import network_of
    from grok.checks.task import mistakes
    from grok.measures.measure import mistakes as wrong_measure
    from grok.tasks.task import dtype_of

    task, dtype = made(cfg.task), dtype_of(cfg.trainer.precision)
    found = list(dict.fromkeys(mistakes(task, [dtype])))
    if found:
        return found
    learning = [name for name, param in network_of(task).named_parameters() if param.requires_grad]
    if cfg.norm.constrain and not {task.group(name) for name in learning} & set(cfg.norm.groups):
        return [
            f"norm.groups=[{','.join(cfg.norm.groups)}]: no parameter that learns is in there; "
            "name the other group, or both"
        ]
    columns: dict[str, str] = {}
    for name, part in (cfg.measures or {}).items():
        try:
            measure = made(part)
        except InstantiationException as error:
            found.append(f"measures.{name}: {cause(error)}")
            continue
        lines = list(wrong_measure(measure, task, dtype))
        found += [f"measures.{name}.{line}" for line in lines]
        for column in measure.columns() if not lines else ():
            if column in CURVE_COLUMNS or column in columns:
                other = columns.get(column, "each step")
                found.append(f"measures.{name}: {column} is measured by {other} already")
            columns[column] = f"measures.{name}"
    return found


@functools.cache
def _structured(schema: type) -> DictConfig:
    """A class as a configuration, made once for all jobs of a sweep."""
    typed: DictConfig = OmegaConf.structured(schema)
    return typed
