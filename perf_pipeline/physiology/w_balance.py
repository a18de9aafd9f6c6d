"""What is left of W' second by second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.timeline import Timeline

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_RECOVERED_SECONDS = 3600.0
_EPS = 1e-9


@dataclass(frozen=True, slots=True)
class PowerBySecond:
    """Power at 1 Hz, in stretches without a hole.

    `begins`, `ends` (k,): each stretch in s since the start; `watts` (n,): floor(end - begin) values of each, one after
    the other.
    """

    begins: FloatArray
    ends: FloatArray
    watts: FloatArray

    @property
    def counts(self) -> IntArray:
        """Whole seconds (k,) of each stretch."""
        return np.floor(self.ends - self.begins + _EPS).astype(np.int64)


@dataclass(frozen=True, slots=True)
class LeastBalance:
    """The least that was left of W' in J (below zero: CP or W' was set too low), and the second since the start at
    whose end that was.
    """

    joules: float
    second: float


def power_by_second(line: Timeline) -> PowerBySecond:
    """A timeline of power as means over whole seconds of each of its segments."""
    cuts = np.flatnonzero(np.diff(line.segments)) + 1
    firsts, lasts = np.concatenate(([0], cuts)), np.concatenate((cuts, [len(line)]))
    begins = line.starts[firsts]
    if line.whole_seconds:
        return PowerBySecond(begins, begins + (lasts - firsts), line.values)
    parts: list[FloatArray] = []
    ends = begins.copy()
    for number, (first, last) in enumerate(zip(firsts.tolist(), lasts.tolist(), strict=True)):
        widths = line.widths[first:last]
        edges = np.concatenate(([0.0], np.cumsum(widths)))
        work = np.concatenate(([0.0], np.cumsum(widths * line.values[first:last])))
        ends[number] += edges[-1]
        # From the difference of the ends, as whoever reads this will count.
        count = np.floor(ends[number] - begins[number] + _EPS)
        parts.append(np.diff(np.interp(np.arange(0.0, count + 1.0), edges, work)))
    return PowerBySecond(begins, ends, np.concatenate(parts))


def minimum(power: PowerBySecond, cp_watts: float, w_prime_joules: float) -> LeastBalance | None:
    """The least W' balance of an activity by the differential form; None without power, CP or W' above zero.

    Pauses and gaps count as rest without power, an hour of which restores all.
    """
    if not len(power.watts) or not (cp_watts > 0 and w_prime_joules > 0):
        return None
    watts, clock = _with_rests(power)
    over = watts - cp_watts
    starts = np.flatnonzero(np.diff(over > 0, prepend=over[0] <= 0))
    sums = np.add.reduceat(over, starts)
    # Second by second the deficit grows by what is above CP and decays by a factor below it. So it does by stretches
    # of either kind, at the end of one of which it is highest.
    keep = np.exp(np.minimum(sums, 0.0) / w_prime_joules)
    deficit, most, at = 0.0, 0.0, -1
    for number, (change, factor) in enumerate(zip(sums.tolist(), keep.tolist(), strict=True)):
        if change > 0:
            deficit += change
            if deficit > most:
                most, at = deficit, number
        else:
            deficit *= factor
    if at < 0:
        return LeastBalance(w_prime_joules, float(clock[0]))
    last = (int(starts[at + 1]) if at + 1 < len(starts) else len(watts)) - 1
    return LeastBalance(w_prime_joules - most, float(clock[last]))


def _with_rests(power: PowerBySecond) -> tuple[FloatArray, FloatArray]:
    """Watts at 1 Hz, zero between the stretches, and the second since the start at whose end each was."""
    counts = power.counts
    rests = np.minimum(power.begins[1:] - power.ends[:-1], _RECOVERED_SECONDS).astype(np.int64)
    before = np.concatenate(([0], rests))
    whole = before + counts
    firsts = np.cumsum(whole) - counts
    of = np.repeat(np.arange(len(counts)), counts)
    inside = np.arange(len(power.watts)) - np.repeat(np.cumsum(counts) - counts, counts)
    watts, clock = np.zeros(int(whole.sum())), np.repeat(power.begins, whole)
    watts[firsts[of] + inside] = power.watts
    clock[firsts[of] + inside] += inside + 1.0
    return watts, clock


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
