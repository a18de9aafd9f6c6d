"""The probability that each interval of a session can be finished, by the balance of what lies above the threshold.

The balance (W' or D') is spent above the threshold and comes back below it, as in `w_balance`, step by step of the
plan in closed form. What the athlete can do today is not one pair of numbers but a cloud of them: the fit's
uncertainty and the day's. The probability is the share of the cloud that comes through, over a fixed set of points, so
that the same inputs give the same answer on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.formats.workouts import Quantity

FloatArray = NDArray[np.float64]

POINTS = 1024
DAY_SD = 0.02
"""Standard deviation of what a trained athlete can do from day to day, as a share of the threshold: the 1 to 3 % of
Hopkins, Schabort and Hawley 2001, Sports Med 31, doi 10.2165/00007256-200131030-00005."""
_WIDE = 1.6448536269514722
_LEAST_THRESHOLD, _LEAST_CAPACITY = 0.5, 0.1
_RAMP_PARTS = 12


@dataclass(frozen=True, slots=True)
class Ability:
    """What the athlete can do today. `quantity` is of power (W, J) or speed (m/s, m).

    `threshold_low` and `threshold_high` (and those of the capacity) are 90 % intervals. `correlation` is that of the
    two parameters' errors: the same efforts gave both, and where the threshold is too high the capacity is too low.
    """

    quantity: Quantity
    threshold: float
    threshold_low: float
    threshold_high: float
    capacity: float
    capacity_low: float
    capacity_high: float
    correlation: float = -0.8

    def scaled(self, factor: float) -> Ability:
        """The ability times `factor`, its relative uncertainty kept."""
        return replace(
            self,
            threshold=self.threshold * factor, threshold_low=self.threshold_low * factor,
            threshold_high=self.threshold_high * factor, capacity=self.capacity * factor,
            capacity_low=self.capacity_low * factor, capacity_high=self.capacity_high * factor,
        )  # fmt: skip

    @property
    def threshold_sd(self) -> float:
        """Relative standard deviation of the threshold, the day's included."""
        return math.hypot(self._fit_sd, DAY_SD)

    @property
    def _fit_sd(self) -> float:
        return max(0.0, self.threshold_high - self.threshold_low) / (2 * _WIDE * self.threshold)

    def cloud(self) -> tuple[FloatArray, FloatArray]:
        """Threshold and capacity (POINTS,) each of the points of the cloud."""
        first, second = _normal_points()
        rho = max(-1.0, min(1.0, self.correlation * self._fit_sd / self.threshold_sd))
        capacity_sd = max(0.0, self.capacity_high - self.capacity_low) / (2 * _WIDE * self.capacity)
        thresholds = self.threshold * np.maximum(_LEAST_THRESHOLD, 1 + self.threshold_sd * first)
        mixed = rho * first + math.sqrt(1 - rho * rho) * second
        return thresholds, self.capacity * np.maximum(_LEAST_CAPACITY, 1 + capacity_sd * mixed)


@lru_cache(maxsize=1)
def _normal_points() -> tuple[FloatArray, FloatArray]:
    """Points of the plane as the standard normal distribution has them: an additive recurrence with the powers of the
    plastic number, which fills the square evenly (Roberts 2018), through the normal quantile.
    """
    from scipy.special import ndtri

    n = np.arange(1, POINTS + 1)
    plastic = 1.324717957244746
    return ndtri((0.5 + n / plastic) % 1.0), ndtri((0.5 + n / plastic**2) % 1.0)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a session: from `begin` to `end` W or m/s in `seconds`. `judged`: its finishing is asked for.

    `free`: as it comes, neither spent nor recovered. `maximal`: all out, after it nothing is left.
    """

    seconds: float
    begin: float = 0.0
    end: float = 0.0
    judged: bool = False
    free: bool = False
    maximal: bool = False


def finish_probabilities(ability: Ability, stretches: Sequence[Stretch]) -> tuple[float, ...]:
    """For each judged stretch the probability that it, and all judged ones before it, can be finished."""
    thresholds, capacity = ability.cloud()
    spent = np.zeros(POINTS)
    lasting = np.ones(POINTS, bool)
    found: list[float] = []
    for stretch in stretches:
        if stretch.maximal:
            spent = capacity.copy()
        elif not stretch.free:
            parts = 1 if stretch.begin == stretch.end else _RAMP_PARTS
            for part in range(parts):
                value = stretch.begin + (stretch.end - stretch.begin) * (part + 0.5) / parts
                over = (value - thresholds) * (stretch.seconds / parts)
                # Below the threshold the deficit decays by the differential form's exact step.
                spent = np.where(over > 0, spent + over, spent * np.exp(np.minimum(over, 0.0) / capacity))
                if stretch.judged:
                    lasting &= spent <= capacity
            spent = np.minimum(spent, capacity)
        if stretch.judged:
            found.append(float(np.count_nonzero(lasting)) / POINTS)
    return tuple(found)


def fit_correlation(seconds: Sequence[float], weights: Sequence[float] | None = None) -> float:
    """Correlation of the errors of threshold and capacity in the inverse-time line through efforts of `seconds` (k,):
    minus the root of mean(x)^2 / mean(x^2), x = 1/t.

    >>> round(fit_correlation([180, 360, 720, 1200]), 2)
    -0.82
    """
    x = 1.0 / np.asarray(seconds, np.float64)
    w = np.ones_like(x) if weights is None else np.asarray(weights, np.float64)
    total = float(w.sum())
    if len(x) < 2 or total <= 0:
        return -0.8
    return -float((w @ x) / total / math.sqrt(float(w @ (x * x)) / total))
