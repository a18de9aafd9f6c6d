"""What is left of W' second by second."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

FloatArray = NDArray[np.float64]


def w_balance_differential(watts: FloatArray, cp_watts: float, w_prime_joules: float) -> FloatArray:
    """W' left in J after each second of `watts` (n,) at 1 Hz: spent above CP, recovered below it by the exact
    step.

    It may fall below zero: then CP or W' was set too low. Froncioni, Clarke and Skiba 2015, Med Sci Sports
    Exerc 47.
    """
    left = w_prime_joules
    out = np.empty(len(watts))
    # Below CP the deficit decays by a factor that does not depend on the deficit.
    keep = np.exp(-np.maximum(cp_watts - watts, 0.0) / w_prime_joules).tolist()
    for n, (p, factor) in enumerate(zip(watts.tolist(), keep, strict=True)):
        left = left - (p - cp_watts) if p > cp_watts else w_prime_joules - (w_prime_joules - left) * factor
        out[n] = left
    return out


def w_balance_integral(
    watts: FloatArray, cp_watts: float, w_prime_joules: float, tau_seconds: float | None = None
) -> FloatArray:
    """W' left in J after each second of `watts` (n,) at 1 Hz; what is spent comes back with time constant
    tau.

    `tau_seconds` is worked out from the ride by `recovery_tau_seconds` where it is not given. Skiba et al.
    2012, Med Sci Sports Exerc 44, doi 10.1249/MSS.0b013e3182517a80.
    """
    tau = recovery_tau_seconds(watts, cp_watts) if tau_seconds is None else tau_seconds
    spent = np.maximum(watts - cp_watts, 0.0)
    return np.asarray(w_prime_joules - lfilter([1.0], [1.0, -np.exp(-1.0 / tau)], spent))


def recovery_tau_seconds(watts: FloatArray, cp_watts: float) -> float:
    """Tau = 546 e^(-0.01 D) + 316 s, D = CP less the mean of all power below CP. Skiba et al. 2012.

    >>> round(recovery_tau_seconds(np.arange(100.0), 25.0), 10)
    795.4401052826
    """
    below = watts[watts < cp_watts]
    difference = cp_watts - float(below.mean()) if len(below) else 0.0
    return float(546.0 * np.exp(-0.01 * difference) + 316.0)
