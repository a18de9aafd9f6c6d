"""What is left of W' second by second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.cleaning import CleanStreams
from perf_pipeline.physiology.timeline import timeline_of

FloatArray = NDArray[np.float64]

_RECOVERED_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class LeastBalance:
    """The least that was left of W' in J (below zero: CP or W' was set too low), and the second since the start at
    whose end that was.
    """

    joules: float
    second: float


def minimum(clean: CleanStreams, cp_watts: float, w_prime_joules: float) -> LeastBalance | None:
    """The least W' balance of an activity by the differential form; None without power, CP or W' above zero.

    Pauses and gaps count as rest without power, an hour of which restores all.
    """
    line = timeline_of(clean, "power_watts")
    if line is None or not (line.values > 0).any() or not (cp_watts > 0 and w_prime_joules > 0):
        return None
    parts: list[FloatArray] = []
    clock: list[FloatArray] = []
    cuts = np.flatnonzero(np.diff(line.segments)) + 1
    end = float(line.starts[0])
    for rows in np.split(np.arange(len(line)), cuts):
        begin = float(line.starts[rows[0]])
        rest = np.zeros(int(min(begin - end, _RECOVERED_SECONDS)))
        widths = line.widths[rows]
        edges = np.concatenate(([0.0], np.cumsum(widths)))
        work = np.concatenate(([0.0], np.cumsum(widths * line.values[rows])))
        grid = np.arange(0.0, np.floor(edges[-1] + 1e-9) + 1.0)
        parts += [rest, np.diff(np.interp(grid, edges, work))]
        clock += [np.full(len(rest), begin), begin + grid[1:]]
        end = begin + float(edges[-1])
    watts = np.concatenate(parts)
    if len(watts) == 0:
        return None
    left = w_balance_differential(watts, cp_watts, w_prime_joules)
    least = int(np.argmin(left))
    return LeastBalance(float(left[least]), float(np.concatenate(clock)[least]))


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
    from scipy.signal import lfilter

    return np.asarray(w_prime_joules - lfilter([1.0], [1.0, -np.exp(-1.0 / tau)], spent))


def recovery_tau_seconds(watts: FloatArray, cp_watts: float) -> float:
    """Tau = 546 e^(-0.01 D) + 316 s, D = CP less the mean of all power below CP. Skiba et al. 2012.

    >>> round(recovery_tau_seconds(np.arange(100.0), 25.0), 10)
    795.4401052826
    """
    below = watts[watts < cp_watts]
    difference = cp_watts - float(below.mean()) if len(below) else 0.0
    return float(546.0 * np.exp(-0.01 * difference) + 316.0)
