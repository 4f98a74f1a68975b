"""Time to generalise against weight decay, in any sweep that has it on an axis (Omnigrok, Fig. 2c).

The LU mechanism says that it goes as one over weight decay (Omnigrok, section 2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from grok.analysis.numbers.fits import PowerLaw, power_law
from grok.analysis.numbers.labels import BEYOND, DIVERGED
from grok.analysis.numbers.layout import numeric, swept
from grok.analysis.read.sweep import TIMES, Sweep
from grok.record.meaning import WEIGHT_DECAY, is_seed, keys_of

LEAST_DECAYS, MOST_LINES = 3, 24
FIT = ("slope", "low", "high", "points", "given")


DecayLines = list[tuple[dict[str, object], pd.DataFrame]]
"""Settings of the keys other than weight decay, each with its members."""


def decay_axis(sweep: Sweep) -> str | None:
    """The swept weight decay of at least three values, None where there is none."""
    values = swept(sweep)
    decays = keys_of(sweep.roles, WEIGHT_DECAY)
    found = [key for key in decays if key in values and numeric(values[key])]
    return next((key for key in found if len(values[key]) >= LEAST_DECAYS), None)


def decay_lines(sweep: Sweep, key: str) -> DecayLines:
    """For each setting of the other swept keys, it and its members by rising weight decay."""
    others = [each for each in swept(sweep) if each != key]
    table = _at_cut(sweep).sort_values(key)
    if not others:
        return [({}, table)]
    groups = table.groupby(others, sort=True)
    return [(dict(zip(others, values, strict=True)), members) for values, members in groups]


def _at_cut(sweep: Sweep) -> pd.DataFrame:
    """The table as it is after `Sweep.cut` steps."""
    if sweep.cut is None:
        return sweep.table
    late = {time: sweep.table[time] > sweep.cut for time in TIMES}
    times = {time: sweep.table[time].mask(late[time]) for time in TIMES}
    norms = {f"norm_at_{time}": sweep.table[f"norm_at_{time}"].mask(late[time]) for time in TIMES}
    ended = sweep.table["diverged"] & (sweep.table["steps"] <= sweep.cut)
    budget = sweep.table["budget"].clip(upper=sweep.cut)
    return sweep.table.assign(**times, **norms, diverged=ended, budget=budget)


def without_t_val(members: pd.DataFrame) -> dict[str, pd.Series]:
    """Those that don't generalise, by why: where they are drawn, at their last step."""
    lacking = members[members["t_val"].isna()]
    ended = lacking["diverged"].astype(bool)
    return {BEYOND: lacking["budget"][~ended], DIVERGED: lacking["steps"][ended]}


@dataclass(frozen=True)
class DrawnDecays:
    """What a picture shows.

    Attributes:
        key: the weight decay.
        every: its lines, see `decay_lines`.
        lines: those that are drawn: of very many, evenly spaced ones.
    """

    key: str
    every: DecayLines
    lines: DecayLines

    @property
    def which(self) -> str:
        """What is to be said where they aren't all."""
        drawn, every = len(self.lines), len(self.every)
        return f"{drawn} of {every} settings" if drawn < every else ""


def drawn_decays(sweep: Sweep) -> DrawnDecays | None:
    """The lines over the weight decay axis; None without one, or without a time."""
    key = decay_axis(sweep)
    if key is None or not np.isfinite(sweep.table[[*TIMES]].astype("float64")).any(axis=None):
        return None
    every = decay_lines(sweep, key)
    spaced = np.linspace(0, len(every) - 1, min(len(every), MOST_LINES)).round().astype(int)
    return DrawnDecays(key, every, [every[i] for i in spaced])


def decay_fits(sweep: Sweep) -> pd.DataFrame | None:
    """One row a setting of the other keys: T_val as a power of weight decay, and its prediction.

    Columns: those keys, ``slope`` with its 95 % interval ``low`` and ``high``, ``points`` fitted of
    those ``given``, the least and greatest T_val over `lu_prediction` (``lu_ratio_min``, ``_max``),
    and of T_train (``t_train_min``, ``_max``), NaN where a member has none. Members that don't
    generalise within the budget can't be fitted: where there are any, small decays have the soonest
    alone, and the slope is too flat. Rows whose seeds are ``all`` have the seeds' common slope, see
    `decay_law`. None without a weight decay axis.
    """
    key = decay_axis(sweep)
    if key is None:
        return None
    found = decay_lines(sweep, key)
    rows: list[dict[str, object]] = [
        setting | _row([(setting, members)], key) for setting, members in found
    ]
    for lines in _by_setting(found):
        if len(lines) > 1:
            setting = lines[0][0]
            rows.append(dict.fromkeys(setting, "all") | _settled(setting) | _row(lines, key))
    return pd.DataFrame(rows)


def _by_setting(found: DecayLines) -> list[DecayLines]:
    """The lines of all seeds together, for each setting of what isn't a seed."""
    groups: dict[str, DecayLines] = {}
    for setting, members in found:
        groups.setdefault(str(_settled(setting)), []).append((setting, members))
    return list(groups.values())


def _settled(setting: dict[str, object]) -> dict[str, object]:
    """The setting of what isn't a seed."""
    return {key: value for key, value in setting.items() if not is_seed(key)}


def decay_law(found: DecayLines, key: str) -> PowerLaw | None:
    """T_val as a power of weight decay: of one line, or with one slope for those of all seeds.

    Each seed has a prefactor of its own (Omnigrok, Figure 10). None where lines differ in more
    than seeds, or have too few points.
    """
    if len(_by_setting(found)) > 1:
        return None
    together = pd.concat([members.assign(line=i) for i, (_, members) in enumerate(found)])
    times = together["t_val"].to_numpy(dtype="float64", na_value=np.nan)
    return power_law(together[key], times, together["line"])


def law_text(fitted: PowerLaw) -> str:
    """A law in words."""
    interval = f"{fitted.low:.2f} to {fitted.high:.2f}"
    some = f" of {fitted.given}" if fitted.points < fitted.given else ""
    return f"x^{fitted.slope:.2f} ({interval}, {fitted.points}{some} points)"


def _row(found: DecayLines, key: str) -> dict[str, float]:
    decaying = [with_decay(members, key) for _, members in found]
    ratios = pd.concat([members["t_val"] / lu_prediction(members) for members in decaying])
    starts = pd.concat([members["t_train"] for _, members in found]).astype("float64")
    return _numbers(decay_law(found, key)) | {
        "lu_ratio_min": float(ratios.astype("float64").min()),
        "lu_ratio_max": float(ratios.astype("float64").max()),
        "t_train_min": starts.min(skipna=False),
        "t_train_max": starts.max(skipna=False),
    }


def _numbers(fitted: PowerLaw | None) -> dict[str, float]:
    if fitted is None:
        return dict.fromkeys(FIT, np.nan) | {"points": 0, "given": 0}
    return {name: getattr(fitted, name) for name in FIT}


def lu_prediction(members: pd.DataFrame) -> pd.Series:
    """T_val by the LU mechanism, ln(w0 / w_c) / (learning rate x weight decay), in steps.

    Decay takes the weight norm from its initial w0 to w_c, where test loss is lowest (Omnigrok,
    section 2). Both are measured: w_c is the norm at T_val, geometric mean over `members` that
    decay; norms of 0 don't count. So where decay alone shrinks the norm, the prediction is right on
    average, and what tests it is whether it is for each member. NaN where decay isn't the same for
    all parameters, or wouldn't shrink them.
    """
    decaying = members["decay_per_step"] > 0
    critical = np.exp(_log(members["norm_at_t_val"].where(decaying)).mean())
    steps = _log(members["initial_norm"] / critical) / members["decay_per_step"]
    return steps.where(np.isfinite(steps) & (steps > 0))


def _log(values: pd.Series) -> pd.Series:
    """Natural logarithm, NaN of 0."""
    logs: pd.Series = np.log(values.where(values > 0))
    return logs


@dataclass(frozen=True)
class DecayCurve:
    """A line of the picture through T_val.

    Attributes:
        name: in the legend.
        decays, steps: weight decay and optimizer steps, shape (n,).
        fitted: whether it is a power law, and not the prediction.
    """

    name: str
    decays: pd.Series
    steps: ArrayLike
    fitted: bool


def decay_curves(found: DecayLines, key: str) -> list[DecayCurve]:
    """The power law through T_val and, of a single line, what the LU mechanism predicts."""
    members = with_decay(pd.concat([members for _, members in found]), key).sort_values(key)
    curves, fitted, predicted = [], decay_law(found, key), lu_prediction(members)
    if fitted is not None:
        curves.append(DecayCurve(law_text(fitted), members[key], fitted(members[key]), True))
    if len(found) == 1 and predicted.notna().any():
        curves.append(DecayCurve("LU prediction of T_val", members[key], predicted, False))
    return curves


def with_decay(members: pd.DataFrame, key: str) -> pd.DataFrame:
    """The rows whose weight decay has a place on a logarithmic axis: it isn't 0."""
    return members[members[key] > 0]
