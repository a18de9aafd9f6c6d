"""Heart rate: Banister's training impulse and robust estimates of the athlete's limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.refusal import Refusal

FloatArray = NDArray[np.float64]

_WEIGHTS = {"male": (0.64, 1.92), "female": (0.86, 1.67)}
_LTHR_SHARE_OF_20_MIN = 0.98
_LEAST_ACTIVITIES = 3
_MOST_EVIDENCE = 5


@dataclass(frozen=True, slots=True)
class HeartRateProfile:
    """What TRIMP needs to know of an athlete: rates in bpm; `sex` male, female, or None."""

    hr_max_bpm: float
    hr_rest_bpm: float
    sex: str | None = None


@dataclass(frozen=True, slots=True)
class HeartRateLimit:
    """An estimated heart rate in bpm with the number of activities behind it and the highest value that any
    of them showed.

    `interval_bpm`: 90 % interval of the percentile by order statistics. `evidence`: positions in the input of the
    activities that reach it, highest first, at most five.
    """

    bpm: float
    activities: int
    highest_bpm: float
    interval_bpm: tuple[float, float] | None = None
    evidence: tuple[int, ...] = ()


def banister_weights(sex: str | None) -> tuple[float, float]:
    """The factors a and b of Banister's TRIMP: men 0.64 and 1.92, women 0.86 and 1.67, their mean where the
    sex is not known.

    Morton, Fitz-Clarke, Banister 1990, J Appl Physiol 69, doi 10.1152/jappl.1990.69.3.1171.
    """
    if sex in _WEIGHTS:
        return _WEIGHTS[sex]
    men, women = _WEIGHTS["male"], _WEIGHTS["female"]
    return (men[0] + women[0]) / 2, (men[1] + women[1]) / 2


def banister_trimp(heart_rate_bpm: FloatArray, minutes: FloatArray | float, profile: HeartRateProfile) -> float:
    """Sum of minutes x r x a e^(b r) over the samples, r the share of heart rate reserve held to 0..1.

    `heart_rate_bpm` (n,), `minutes` (n,) or one for all. Banister 1991; weights of Morton et al. 1990.

    >>> round(banister_trimp(np.array([137.762]), 60.46471, HeartRateProfile(190, 45, "male")), 2)
    84.55
    """
    a, b = banister_weights(profile.sex)
    reserve = (np.asarray(heart_rate_bpm) - profile.hr_rest_bpm) / (profile.hr_max_bpm - profile.hr_rest_bpm)
    share = np.clip(reserve, 0.0, 1.0)
    return float(np.sum(np.asarray(minutes) * share * a * np.exp(b * share)))


def trimp_from_moments(
    minutes: float, mean_bpm: float, sd_bpm: float, skewness: float, profile: HeartRateProfile
) -> float:
    """TRIMP of a whole activity from the first three moments of its heart rate.

    Two-point Gauss quadrature: the two rates and shares that have this mean, standard deviation and skewness.
    It is exact for any cubic in heart rate, and within half a percent of the sum per second for e^(b r) over
    real activities. So a load can be recomputed for a new maximum without the stream.
    """
    if sd_bpm <= 0:
        return banister_trimp(np.array([mean_bpm]), minutes, profile)
    root = float(np.sqrt(skewness**2 + 4))
    low, high = (skewness - root) / 2, (skewness + root) / 2
    share_high = -low / (high - low)
    rates = np.array([mean_bpm + sd_bpm * low, mean_bpm + sd_bpm * high])
    return banister_trimp(rates, minutes * np.array([1 - share_high, share_high]), profile)


def heart_rate_stress_score(trimp: float, lthr_bpm: float, profile: HeartRateProfile) -> float | None:
    """100 x TRIMP over that of one hour at the lactate threshold heart rate; None where that hour would be
    worth nothing.
    """
    hour = banister_trimp(np.array([lthr_bpm]), 60.0, profile)
    return 100.0 * trimp / hour if hour > 0 else None


def estimate_hr_max(activity_maxima_bpm: Sequence[float]) -> HeartRateLimit | Refusal:
    """Maximal heart rate: the 98th percentile of the activities' maxima, so that one bad strap does not set
    it.
    """
    return _robust(activity_maxima_bpm, 98.0, 1.0, "maximal heart rate")


def estimate_lthr(best_20min_bpm: Sequence[float]) -> HeartRateLimit | Refusal:
    """Lactate threshold heart rate: 98 % of the 95th percentile of the activities' best 20-minute means
    (after Friel).

    Few athletes race 20 minutes in each activity: a high percentile looks at those in which they did.
    """
    return _robust(best_20min_bpm, 95.0, _LTHR_SHARE_OF_20_MIN, "threshold heart rate")


def _robust(values: Sequence[float], percentile: float, share: float, what: str) -> HeartRateLimit | Refusal:
    all_values = np.asarray(values, dtype=np.float64)
    known = all_values[np.isfinite(all_values)]
    if len(known) < _LEAST_ACTIVITIES:
        return Refusal(f"{what} needs {_LEAST_ACTIVITIES} activities with heart rate, there are {len(known)}")
    level = float(np.percentile(known, percentile, method="lower"))
    # A worker that sums training impulses needs no scipy.
    from scipy.special import bdtrik

    ranked = np.sort(known)
    low, high = (math.ceil(bdtrik(q, len(known), percentile / 100.0)) for q in (0.05, 0.95))
    interval = (share * float(ranked[max(low - 1, 0)]), share * float(ranked[min(high, len(known) - 1)]))
    reached = sorted(np.flatnonzero(all_values >= level).tolist(), key=lambda i: (-all_values[i], i))
    return HeartRateLimit(share * level, len(known), float(known.max()), interval, tuple(reached[:_MOST_EVIDENCE]))
