"""Predictions by published formulas: VDOT, Riegel, Morton's three parameters, Banister's impulse and
response.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.refusal import Refusal

FloatArray = NDArray[np.float64]

_RIEGEL_EXPONENT = 1.06


def vdot(distance_meters: float, seconds: float) -> float:
    """VDOT (ml/kg/min) of a race. Daniels and Gilbert 1979, Oxygen Power.

    >>> round(vdot(5000, 22 * 60), 2)
    44.54
    """
    t = seconds / 60.0
    v = distance_meters / t
    oxygen = -4.6 + 0.182258 * v + 0.000104 * v * v
    share = 0.8 + 0.1894393 * math.exp(-0.012778 * t) + 0.2989558 * math.exp(-0.1932605 * t)
    return oxygen / share


# A season's best is asked for the same distances week by week.
@lru_cache(maxsize=4096)
def vdot_race_seconds(value: float, distance_meters: float) -> float | Refusal:
    """Time in s at which a distance is worth this VDOT; a refusal where no speed between 1 and 12 m/s is."""
    fast, slow = distance_meters / 12.0, distance_meters / 1.0
    if not (vdot(distance_meters, slow) < value < vdot(distance_meters, fast)):
        return Refusal(f"a VDOT of {value:.1f} is outside what the formula covers for {distance_meters:.0f} m")
    from scipy.optimize import brentq

    return float(brentq(lambda t: vdot(distance_meters, t) - value, fast, slow, xtol=1e-6))


def riegel_seconds(known_seconds: float, known_meters: float, distance_meters: float) -> float:
    """t2 = t1 (d2/d1)^1.06. Riegel 1981, American Scientist 69."""
    return float(known_seconds * (distance_meters / known_meters) ** _RIEGEL_EXPONENT)


def morton_seconds(power_watts: float, cp_watts: float, w_prime_joules: float, max_watts: float) -> float | Refusal:
    """Time to exhaustion in s, t = W'/(P - CP) + W'/(CP - Pmax). Morton 1996, Ergonomics 39, doi
    10.1080/00140139608964484.
    """
    if power_watts <= cp_watts:
        return Refusal("at or below Critical Power the model sets no limit of time")
    if power_watts > max_watts:
        return Refusal("above the maximal power the model has no time")
    return w_prime_joules / (power_watts - cp_watts) + w_prime_joules / (cp_watts - max_watts)


def two_parameter_power_watts(seconds: float, cp_watts: float, w_prime_joules: float) -> float:
    """Power in W that can be held for a time: CP + W'/t. Monod and Scherrer 1965, Ergonomics 8."""
    return cp_watts + w_prime_joules / seconds


def banister_performance(
    loads: FloatArray,
    *,
    p0: float,
    k1: float,
    k2: float,
    tau1_days: float,
    tau2_days: float,
) -> FloatArray:
    """Performance after each day, p(n) = p0 + sum over s = 1..n of w(s) (k1 e^(-(n-s)/tau1) - k2
    e^(-(n-s)/tau2)).

    `loads` (days,): w(1), w(2), ...; the day's own load counts in full. Returns p(1), p(2), ... Banister et
    al. 1975; Morton, Fitz-Clarke, Banister 1990.
    """
    from scipy.signal import lfilter

    gain = lfilter([k1], [1.0, -math.exp(-1.0 / tau1_days)], loads)
    fatigue = lfilter([k2], [1.0, -math.exp(-1.0 / tau2_days)], loads)
    return np.asarray(p0 + gain - fatigue)
