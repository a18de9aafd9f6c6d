"""The two-parameter hyperbola in its forms: value = limit + capacity / time (power: CP, W'; speed: CS, D')."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from perf_pipeline.physiology.refusal import Refusal

FloatArray = NDArray[np.float64]

TOLERATED = 0.02
"""A share of the curve: an effort that lies no deeper below it counts in full."""
_ITERATIONS = 300
_CONFIDENCE = 0.9
_INDEPENDENT_EFFORTS = 8.0
_ACCIDENT_SHARE, _ACCIDENT_EFFORTS = 0.12, 2.5
_TIGHT = 0.016
_LEAST_SCATTER = 0.005
"""No meter and no day's form is closer than that: efforts that agree better do so by accident."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """`limit`: CP or CS; `capacity`: W' or D'."""

    limit: float
    capacity: float


@dataclass(frozen=True, slots=True)
class Line:
    """The fitted inverse-time line with standard errors and 90 % intervals; `weights` (k,) how much each
    effort carried; `scatter` the standard deviation around the line, as a share of it.
    """

    limit: float
    capacity: float
    limit_se: float
    capacity_se: float
    limit_interval: tuple[float, float]
    capacity_interval: tuple[float, float]
    weights: tuple[float, ...]
    r_squared: float
    scatter: float


def inverse_time(seconds: FloatArray, value: FloatArray) -> Parameters:
    """Least squares of value on 1/t, all (k,), k >= 2."""
    slope, intercept = _regress(1.0 / seconds, value, np.ones_like(value))
    return Parameters(intercept, slope)


def work_time(seconds: FloatArray, value: FloatArray) -> Parameters:
    """Least squares of value x t (work, distance) on t, all (k,), k >= 2."""
    slope, intercept = _regress(seconds, value * seconds, np.ones_like(value))
    return Parameters(slope, intercept)


def hyperbolic(seconds: FloatArray, value: FloatArray, weights: FloatArray | None = None) -> Parameters | Refusal:
    """Least squares of t on capacity / (value - limit), all (k,): time is the outcome of an effort at a set
    power.

    For a given limit the capacity is linear, so one number is searched for, on a grid first: no starting
    value decides.
    """
    w = np.ones_like(seconds) if weights is None else weights
    lowest = float(value.min())

    def capacity(limit: float) -> float:
        u = 1.0 / (value - limit)
        return float((w * u * seconds).sum() / (w * u * u).sum())

    def cost(limit: float) -> float:
        return float((w * (seconds - capacity(limit) / (value - limit)) ** 2).sum())

    grid = lowest * (1.0 - np.geomspace(1e-6, 1.0, 200))
    u = 1.0 / (value - grid[:, None])
    capacities = (w * u * seconds).sum(axis=1) / (w * u * u).sum(axis=1)
    costs = (w * (seconds - capacities[:, None] * u) ** 2).sum(axis=1)
    best = int(np.argmin(costs))
    if best in (0, len(grid) - 1):
        return Refusal("the hyperbolic form has no best Critical Power between zero and the lowest power")
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(cost, bounds=(grid[best + 1], grid[best - 1]), method="bounded", options={"xatol": 1e-10})
    if not found.success:
        return Refusal("the hyperbolic form did not converge")
    return Parameters(float(found.x), capacity(float(found.x)))


def forms_of(seconds: FloatArray, value: FloatArray, line: Line) -> Mapping[str, Parameters]:
    """The parameters by each form that has an answer, all with the weights of the inverse-time line."""
    w = np.asarray(line.weights)
    slope, intercept = _regress(seconds, value * seconds, w)
    forms = {"inverse_time": Parameters(line.limit, line.capacity), "work_time": Parameters(slope, intercept)}
    curved = hyperbolic(seconds, value, w)
    if isinstance(curved, Parameters):
        forms["hyperbolic"] = curved
    return forms


def robust_line(seconds: FloatArray, value: FloatArray, tolerated: float = TOLERATED) -> Line | Refusal:
    """The inverse-time line through the maximal efforts among those given, all (k,), k >= 2.

    A best effort is a lower bound of what the athlete could do. One that lies more than 2 % (`tolerated`) below the
    line pulls less, the more so the deeper it lies (weight (2 % / depth)^2, found by iteration); none is pulled
    down for lying above. Efforts that agree within 2 % all weigh 1: ordinary least squares.
    """
    x = 1.0 / seconds
    weights = np.ones_like(value)
    for _ in range(_ITERATIONS):
        slope, intercept = _regress(x, value, weights)
        fitted = intercept + slope * x
        depth = np.where(fitted > 0, (fitted - value) / np.where(fitted > 0, fitted, 1.0), 0.0)
        new = np.where(depth > tolerated, (tolerated / np.maximum(depth, tolerated)) ** 2, 1.0)
        if np.abs(new - weights).max() < 1e-5:
            break
        weights = 0.5 * (weights + new)
    else:
        return Refusal("the efforts do not agree on one curve: the fit did not converge")
    return _with_errors(x, value, weights, slope, intercept)


def leave_one_out(
    seconds: FloatArray, value: FloatArray, tolerated: float = TOLERATED
) -> tuple[FloatArray, FloatArray]:
    """Limit and capacity (k,) each of the robust line without each of the efforts (k,) in turn; NaN where the rest
    sets none.
    """
    k = len(value)
    limits, capacities = np.full(k, np.nan), np.full(k, np.nan)
    if k < 4:
        return limits, capacities
    x = 1.0 / seconds
    present = 1.0 - np.eye(k)
    weights = present.copy()
    slope = intercept = np.zeros(k)
    for _ in range(_ITERATIONS):
        total = weights.sum(axis=1)
        mx, my = (weights @ x) / total, (weights @ value) / total
        away = x - mx[:, None]
        spread = (weights * away**2).sum(axis=1)
        slope = (weights * away * (value - my[:, None])).sum(axis=1) / np.where(spread > 0, spread, np.nan)
        intercept = my - slope * mx
        fitted = intercept[:, None] + slope[:, None] * x
        depth = np.where(fitted > 0, (fitted - value) / np.where(fitted > 0, fitted, 1.0), 0.0)
        new = present * np.where(depth > tolerated, (tolerated / np.maximum(depth, tolerated)) ** 2, 1.0)
        change = np.abs(new - weights).max(axis=1)
        if change.max() < 1e-4:
            break
        weights = 0.5 * (weights + new)
    else:
        intercept = np.where(change < 1e-4, intercept, np.nan)
    known = np.isfinite(intercept) & np.isfinite(slope)
    limits[known], capacities[known] = intercept[known], slope[known]
    return limits, capacities


def widened(line: Line, without: tuple[FloatArray, FloatArray]) -> Line:
    """The line with standard errors that hold when few efforts were maximal, from what it is `without` each effort.

    Textbook errors take the efforts as equal and independent. Where one or two carry the line, the jackknife (Efron
    and Stein 1981, Ann Stat 9) is wider, and the wider of both is taken. Efforts of one season share its form and one
    meter: more than eight tell as much as eight, or little more. And a few efforts may agree by accident below what
    the athlete could do: the upper end allows (root of the sum of squares) for 12 % more where three scatter by 1.6 %,
    the less the more efforts carry the line (e-fold per 2.5) and the closer they agree. These numbers come from
    athletes made to order, of whom the truth is known (`python -m benchmarks.thresholds`).
    """
    known = np.isfinite(without[0])
    k = int(known.sum())
    shared = float(np.sqrt(max(1.0, len(line.weights) / _INDEPENDENT_EFFORTS)))
    errors = []
    for values, textbook in ((without[0], line.limit_se), (without[1], line.capacity_se)):
        some = values[known]
        jackknife = float(np.sqrt((k - 1) / k * ((some - some.mean()) ** 2).sum())) if k >= 3 else 0.0
        errors.append(shared * max(textbook, jackknife))
    total = sum(line.weights)
    wide = float(stdtrit(total - 2.0, 0.5 + _CONFIDENCE / 2))
    doubt = float(np.exp(-max(total - 3.0, 0.0) / _ACCIDENT_EFFORTS)) * min(line.scatter / _TIGHT, 1.0)
    down = wide * errors[0]
    over = float(np.hypot(down, _ACCIDENT_SHARE * doubt * line.limit))
    span = wide * errors[1] * (1.0 + doubt)
    return replace(
        line,
        limit_se=errors[0],
        capacity_se=errors[1],
        limit_interval=(line.limit - down, line.limit + over),
        capacity_interval=(line.capacity - span, line.capacity + span),
    )


def half_width_with(seconds: FloatArray, weights: FloatArray, added: float | None) -> float:
    """Half-width of the limit's 90 % interval, in units of the efforts' scatter, with an effort of `added` s more."""
    x, w = 1.0 / seconds, weights
    if added is not None:
        x, w = np.append(x, 1.0 / added), np.append(w, 1.0)
    total = float(w.sum())
    mean = float(w @ x) / total
    spread = float(w @ (x - mean) ** 2)
    wide = float(stdtrit(total - 2.0, 0.5 + _CONFIDENCE / 2))
    return wide * float(np.sqrt(1.0 / total + mean * mean / spread))


def _with_errors(
    x: FloatArray, value: FloatArray, weights: FloatArray, slope: float, intercept: float
) -> Line | Refusal:
    total = float(weights.sum())
    freedom = total - 2.0
    mean = float(weights @ x) / total
    spread = float(weights @ (x - mean) ** 2)
    if spread <= 0:
        return Refusal("all efforts have one duration")
    residual = value - intercept - slope * x
    rest = float(weights @ residual**2)
    average = float(weights @ value) / total
    around = float(weights @ (value - average) ** 2)
    if freedom <= 0.05:
        return Refusal("fewer than three efforts agree on one curve")
    variance = max(rest / freedom, (_LEAST_SCATTER * average) ** 2)
    slope_se = float(np.sqrt(variance / spread))
    intercept_se = float(np.sqrt(variance * (1.0 / total + mean * mean / spread)))
    wide = float(stdtrit(freedom, 0.5 + _CONFIDENCE / 2))
    return Line(
        limit=intercept,
        capacity=slope,
        limit_se=intercept_se,
        capacity_se=slope_se,
        limit_interval=(intercept - wide * intercept_se, intercept + wide * intercept_se),
        capacity_interval=(slope - wide * slope_se, slope + wide * slope_se),
        weights=tuple(float(w) for w in weights),
        r_squared=1.0 - rest / around if around > 0 else 1.0,
        scatter=float(np.sqrt((weights @ (residual / (intercept + slope * x)) ** 2) / max(freedom, 0.5))),
    )


def _regress(x: FloatArray, y: FloatArray, w: FloatArray) -> tuple[float, float]:
    """Slope and intercept of weighted least squares."""
    total = w.sum()
    mx, my = (w @ x) / total, (w @ y) / total
    spread = w @ (x - mx) ** 2
    slope = float(w @ ((x - mx) * (y - my)) / spread) if spread > 0 else 0.0
    return slope, float(my - slope * mx)
