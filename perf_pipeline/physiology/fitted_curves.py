"""Models of the whole power-duration curve around a known Critical Power: below 2 min and beyond 30 min."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.hyperbola import inverse_time
from perf_pipeline.physiology.refusal import Refusal

FloatArray = NDArray[np.float64]

LONG_SECONDS = 1800.0
"""Beyond 30 min the omni-domain model lets power fall with the logarithm of time."""
_SHORTEST_SECONDS = 1.0
_SHORT_SECONDS = 120.0
_LONGEST_SECONDS = 1200.0
_STEEPEST_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class ThreeParameters:
    """Morton's model: CP and Pmax in W, W' in J; `rmse_watts` over the efforts fitted."""

    cp_watts: float
    w_prime_joules: float
    max_watts: float
    rmse_watts: float


@dataclass(frozen=True, slots=True)
class OmniDomain:
    """Puchowicz's model: CP and Pmax in W, W' in J, A in W per unit of ln(t / 30 min); A is None where no effort lasts
    longer than that.
    """

    cp_watts: float
    w_prime_joules: float
    max_watts: float
    decay_watts: float | None
    long_efforts: int


def morton_power_watts(seconds: float, cp_watts: float, w_prime_joules: float, max_watts: float) -> float:
    """Power in W held for a time: CP + W' / (t + W'/(Pmax - CP)). Morton 1996, doi 10.1080/00140139608964484.

    >>> round(morton_power_watts(1.8146887, 213, 28066, 631), 3)
    620.0
    """
    return cp_watts + w_prime_joules / (seconds + w_prime_joules / (max_watts - cp_watts))


def fit_three_parameters(seconds: Sequence[float], watts: Sequence[float]) -> ThreeParameters | Refusal:
    """Morton's three parameters from efforts of 1 s to 20 min, (k,) each, or why not.

    For a given offset in time W'/(Pmax - CP) the model is a line in 1/(t + offset): the offset alone is searched for,
    on a grid between 0 and 2 min and then closer, so that no starting value decides. Needed are an effort under 2 min,
    three of 2 min and more, and a best inside the grid.
    """
    t, p = _within(seconds, watts, _SHORTEST_SECONDS, _LONGEST_SECONDS)
    if (t < _SHORT_SECONDS).sum() < 1 or (t >= _SHORT_SECONDS).sum() < 3:
        return Refusal("the three-parameter model needs an effort under 2 min and three of 2 to 20 min")

    grid = np.concatenate(([0.0], np.geomspace(0.05, 120.0, 120)))
    for _ in range(6):
        best = int(np.argmin(_costs(t, p, grid)))
        if best == len(grid) - 1 or (best == 0 and grid[0] == 0.0):
            return Refusal("the efforts set no maximal power: the three-parameter model has no best inside its range")
        grid = np.linspace(grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)], 60)
    costs = _costs(t, p, grid)
    offset = float(grid[int(np.argmin(costs))])
    line = inverse_time(t + offset, p)
    if not (line.limit > 0 and line.capacity > 0):
        return Refusal("the three-parameter model would have no Critical Power above zero")
    rmse = math.sqrt(float(costs.min()) / len(t))
    return ThreeParameters(line.limit, line.capacity, line.limit + line.capacity / offset, rmse)


def _costs(t: FloatArray, p: FloatArray, offsets: FloatArray) -> FloatArray:
    """Sum of squares (m,) that the best line in 1/(t + offset) leaves, for each offset."""
    x = 1.0 / (t + offsets[:, None])
    away, around = x - x.mean(axis=1, keepdims=True), p - p.mean()
    slope = (away @ around) / (away**2).sum(axis=1)
    rest = around - slope[:, None] * away
    return np.asarray((rest**2).sum(axis=1), dtype=np.float64)


def omni_domain_power_watts(seconds: float, model: OmniDomain) -> float:
    """Power in W held for a time: W'/t (1 - e^(-t (Pmax - CP)/W')) + CP, less A ln(t / 30 min) beyond 30 min.

    Puchowicz, Baker, Clarke 2020, J Sports Sci 38, doi 10.1080/02640414.2020.1735609.

    >>> m = OmniDomain(250.0, 18_000.0, 1_000.0, 20.0, 1)
    >>> round(omni_domain_power_watts(5400, m), 3)  # 250 + 18000/5400 - 20 ln 3
    231.361
    """
    spent = -math.expm1(-seconds * (model.max_watts - model.cp_watts) / model.w_prime_joules)
    power = model.w_prime_joules / seconds * spent + model.cp_watts
    if seconds <= LONG_SECONDS or model.decay_watts is None:
        return power
    return power - model.decay_watts * math.log(seconds / LONG_SECONDS)


def fit_omni_domain(
    cp_watts: float, w_prime_joules: float, short: Sequence[tuple[float, float]], long: Sequence[tuple[float, float]]
) -> OmniDomain | Refusal:
    """The omni-domain model on a fitted CP and W': Pmax from the best effort of 1 to 30 s, A from those beyond 30 min.

    `short` and `long`: (seconds, watts). A best effort is a lower bound: Pmax is the highest that any short effort
    asks for, and A the least decay that any long effort leaves possible, not their mean. It is never below zero.
    """
    top: float | None = None
    for t, p in sorted(short, key=lambda effort: -effort[1]):
        if 1 <= t <= 30 and p > cp_watts:
            top = _max_watts(t, p, cp_watts, w_prime_joules, top)
    if top is None:
        return Refusal("the omni-domain model needs a sprint of 1 to 30 s that W' allows")
    base = OmniDomain(cp_watts, w_prime_joules, top, None, 0)
    beyond = [(t, p) for t, p in long if t > LONG_SECONDS * 1.05]
    decays = [(omni_domain_power_watts(t, base) - p) / math.log(t / LONG_SECONDS) for t, p in beyond]
    if not decays:
        return base
    decay = max(min(decays), 0.0)
    if decay > _STEEPEST_SHARE * cp_watts:
        return base  # easy rides: no long effort was near a best
    return OmniDomain(cp_watts, w_prime_joules, top, decay, len(decays))


def _max_watts(seconds: float, watts: float, cp: float, w_prime: float, least: float | None) -> float | None:
    """The Pmax at which the model gives this power, or `least` where that allows it, or where W' does not last so
    long.
    """

    def missing(top: float) -> float:
        return -w_prime / seconds * math.expm1(-seconds * (top - cp) / w_prime) + cp - watts

    if (least is not None and missing(least) >= 0) or not missing(5000.0) > 0:
        return least
    from scipy.optimize import brentq

    return float(brentq(missing, cp, 5000.0))


def _within(seconds: Sequence[float], watts: Sequence[float], low: float, high: float) -> tuple[FloatArray, FloatArray]:
    t, p = np.asarray(seconds, dtype=np.float64), np.asarray(watts, dtype=np.float64)
    ok = np.isfinite(t) & np.isfinite(p) & (p > 0) & (t >= low) & (t <= high)
    return t[ok], p[ok]
