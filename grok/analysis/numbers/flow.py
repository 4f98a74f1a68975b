"""The reduced dynamics: gradient flow with weight decay on a reduced landscape (Omnigrok, Eq. 6).

Between the cells the train loss is a cubic spline through its logarithm, which is smoothed over one
cell before. The plane is (u, m) with u the logarithm of the weight norm w, and time is measured in
one over the decoder's learning rate:

    du/dt = -(dl/du / w^2 + gamma),    dm/dt = -rate dl/dm,

with rate that of the representation over the decoder's. Of equal ones (footnote 6) it is 1. The
paper's estimate of the time, (L + h tan theta) / (eta gamma) with theta the angle of the boundary,
supposes that the flow follows the gradient in the plane of u and m, which it does where the rate is
1 / w^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.interpolate import RectBivariateSpline
from scipy.ndimage import gaussian_filter

from grok.analysis.numbers.fits import PowerLaw, power_law
from grok.analysis.numbers.landscape import scale_key
from grok.analysis.numbers.reduced import LEVEL, TINY, Plane, planes
from grok.analysis.read.sweep import Sweep
from grok.errors import UserError

REST = 0.1
"""The share of the way in m that is left where a path is said to have arrived."""
PATIENCE = 20.0
"""How long a path is followed, in one over weight decay."""
SMOOTHING = 1.0
LEAST_VALUES = 4
EQUAL, OF_THE_PLANE = "1", "1 / w^2"
"""Rates of the representation: Eq. 6 with equal ones, and those of the estimate of the time."""


@dataclass(frozen=True)
class FlowPath:
    """One path of the reduced dynamics, until it has arrived.

    Attributes:
        gamma: weight decay.
        rate: of the representation over the decoder's, `EQUAL` or `OF_THE_PLANE`.
        time: in one over the decoder's learning rate, shape (n,).
        norms, values: w and m along the path, shape (n,).
        train, test: losses there, shape (n,).
        arrival: when `REST` of the way in m was left, NaN if it never was.
        predicted: arrival by the paper's formula, (L + h tan theta) / gamma.
    """

    gamma: float
    rate: str
    time: NDArray[np.float64]
    norms: NDArray[np.float64]
    values: NDArray[np.float64]
    train: NDArray[np.float64]
    test: NDArray[np.float64]
    arrival: float
    predicted: float


def flow_paths(
    sweep: Sweep, gammas: list[float], start: tuple[float, float] | None
) -> list[FlowPath]:
    """A path for each rate and weight decay, on the only plane of the sweep.

    Args:
        start: m and w at the start; by default the largest m up to which some norm fits, and the
            largest norm that does: where momentum may carry a network that overfits (point C).

    Raises:
        UserError: there is no whole landscape over two coordinates, the start isn't on it, or no
            boundary parts it.
    """
    found = planes(sweep)
    if len(found) != 1:
        raise _impossible(
            sweep,
            f"a landscape over {scale_key(sweep)} and one other key is needed, not {len(found)}",
        )
    (plane,) = found
    if not sweep.constrained:
        raise _impossible(sweep, f"a landscape is held at its norms; {plane.key} can't be followed")
    if min(plane.train.shape) < LEAST_VALUES or not np.isfinite([plane.train, plane.test]).all():
        raise _impossible(sweep, f"at least {LEAST_VALUES} values of each key, all finished")
    boundary = plane.boundary()
    if not np.isfinite(boundary[:2]).all():
        raise _impossible(sweep, f"train loss doesn't fall to {LEVEL} where {plane.name} is least")
    # larger m may fit again, by chance of the random representation: another valley
    rows = int(np.isfinite(boundary).cumprod().sum())
    m, w = start or (plane.values[rows - 1], plane.norms[plane.train[rows - 1] <= LEVEL].max())
    for name, value, ends in ((plane.name, m, plane.values), ("norm", w, plane.norms)):
        if not ends[0] <= value <= ends[-1]:
            raise UserError(
                f"--start: {name} {value:g} is off the landscape, {ends[0]:g} to {ends[-1]:g}"
            )
    if m > (last := plane.values[rows - 1]):
        raise UserError(f"--start: no norm fits at {plane.name} {m:g}; begin at {last:g} or below")
    if m == plane.values[0]:
        raise UserError(f"--start: {plane.name} {m:g} is the least there is; begin at a larger one")
    goal = plane.values[0] + REST * (m - plane.values[0])
    ends = np.interp([m, goal], plane.values[:rows], np.log(boundary[:rows]))
    losses = _Losses(plane)
    return [
        _path(losses, gamma, rate, (np.log(w), m), goal, ends)
        for rate in (EQUAL, OF_THE_PLANE)
        for gamma in gammas
    ]


def flow_table(found: list[FlowPath]) -> pd.DataFrame:
    """One row a path: `gamma`, `rate`, `arrival`, what is `predicted` and their `ratio`."""
    names = ("gamma", "rate", "arrival", "predicted")
    frame = pd.DataFrame([{name: getattr(path, name) for name in names} for path in found])
    return frame.assign(ratio=frame["arrival"] / frame["predicted"])


def arrival_law(found: Sequence[FlowPath]) -> PowerLaw | None:
    """When paths arrive, as a power of weight decay."""
    return power_law([path.gamma for path in found], [path.arrival for path in found])


def flow_points(sweep: Sweep, found: list[FlowPath]) -> pd.DataFrame:
    """One row a point of a path, path after path; the second coordinate has its key's name."""
    second = planes(sweep)[0].name
    tables = [
        pd.DataFrame(
            {
                "gamma": path.gamma,
                "rate": path.rate,
                "time": path.time,
                "norm": path.norms,
                second: path.values,
                "train_loss": path.train,
                "test_loss": path.test,
            }
        )
        for path in found
    ]
    return pd.concat(tables, ignore_index=True)


class _Losses:
    """Both losses between the cells of a plane."""

    def __init__(self, plane: Plane) -> None:
        self.low = np.array([np.log(plane.norms[0]), plane.values[0]])
        self.high = np.array([np.log(plane.norms[-1]), plane.values[-1]])
        self.train, self.test = (
            RectBivariateSpline(
                plane.values,
                np.log(plane.norms),
                _smooth(np.log(np.maximum(losses, TINY))),
            )
            for losses in (plane.train, plane.test)
        )

    def gradient(self, u: float, m: float) -> NDArray[np.float64]:
        """The train loss's derivatives by u and m."""
        loss = np.exp(self.train.ev(m, u))
        return np.array([loss * self.train.ev(m, u, dy=1), loss * self.train.ev(m, u, dx=1)])


def _smooth(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """`image` averaged over about a cell, with its slopes carried on beyond the edges."""
    width = min(4, *(side - 1 for side in image.shape))
    wider = np.pad(image, width, mode="reflect", reflect_type="odd")
    found: NDArray[np.float64] = gaussian_filter(wider, SMOOTHING)[width:-width, width:-width]
    return found


def _path(
    losses: _Losses,
    gamma: float,
    rate: str,
    start: tuple[float, float],
    goal: float,
    ends: NDArray[np.float64],
) -> FlowPath:
    """Follow Eq. 6 from `start`, (u, m); `ends` are the boundary's u at its m and at the goal."""

    def change(_: float, place: NDArray[np.float64]) -> NDArray[np.float64]:
        u, m = np.clip(place, losses.low, losses.high)
        slower = np.exp(-2 * u)
        rates = np.array([slower, 1.0 if rate == EQUAL else slower])
        moved = -losses.gradient(u, m) * rates - np.array([gamma, 0.0])
        outward = (place <= losses.low) & (moved < 0) | (place >= losses.high) & (moved > 0)
        return np.where(outward, 0.0, moved)

    def arrived(_: float, place: NDArray[np.float64]) -> float:
        return float(place[1] - goal)

    arrived.terminal = True  # type: ignore[attr-defined]
    solved = solve_ivp(
        change, (0, PATIENCE / gamma), start, "LSODA", events=arrived, rtol=1e-6, atol=1e-9
    )
    u, m = np.clip(solved.y.T, losses.low, losses.high).T
    reached = solved.t_events[0]
    return FlowPath(
        gamma,
        rate,
        solved.t,
        np.exp(u),
        m,
        np.exp(losses.train.ev(m, u)),
        np.exp(losses.test.ev(m, u)),
        float(reached[0]) if len(reached) else np.nan,
        _predicted(gamma, start, goal, ends),
    )


def _predicted(
    gamma: float, start: tuple[float, float], goal: float, ends: NDArray[np.float64]
) -> float:
    """(L + h tan theta) / gamma; a start below the boundary's norm is at it in no time."""
    boundary, end = ends
    length, height = max(start[0], boundary) - end, start[1] - goal
    if boundary <= end:
        return float("nan")
    return float((length + height * height / (boundary - end)) / gamma)


def _impossible(sweep: Sweep, why: str) -> UserError:
    return UserError(f"--flow: nothing to follow in {sweep.folder}: {why}")
