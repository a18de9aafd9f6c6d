"""Which efforts were near maximal: a rule that sees the athlete's efforts and never a prediction.

Efforts of different lengths are compared by the limit (Critical Power or Speed) at which the usual shape of the curve
asks for them. An effort counts as near maximal when
  1. it is not outdone: no effort of another length at the same time asks for a limit that is higher by more than 3 %
     and another 4 % for each factor e in duration between the two;
  2. it is as hard as the athlete's hardest: its limit is within 4 % of what the hardest tenth of the activities of the
     year up to then reached, and within 14 % of the hardest of them all (who races twice a year mostly trains easily).
"""

from __future__ import annotations

import numpy as np

from perf_pipeline.physiology.effort_history import FloatArray, History

REFERENCE_DAYS = 365
_HARDEST_SHARE = 0.9
_LEAST_ACTIVITIES = 5
_BELOW_HARDEST = 0.10
_HARD_WITHIN = 0.04
_OUTDONE_BY, _OUTDONE_PER_LOG = 0.03, 0.04
_COMPARABLE_LOG = 1.8
"""Efforts that differ by more than a factor of six in duration say nothing of each other."""


def references(history: History) -> FloatArray:
    """For each activity (A,) the limit that the hardest tenth of the year up to and with it reached; NaN for the first
    few.
    """
    found = np.full(len(history.day), np.nan)
    first = np.searchsorted(history.day, history.day - REFERENCE_DAYS, side="right")
    for row in range(len(found)):
        found[row] = _reference(history.hardest[first[row] : row + 1])
    return found


def _reference(hardest: FloatArray) -> float:
    known = hardest[np.isfinite(hardest)]
    if len(known) < _LEAST_ACTIVITIES:
        return float("nan")
    # As `np.quantile` by linear interpolation, of which one is asked for each activity: that takes five times as long.
    at = _HARDEST_SHARE * (len(known) - 1)
    below = int(at)
    ranked = np.partition(known, (below, min(below + 1, len(known) - 1), len(known) - 1))
    share = float(ranked[below] + (at - below) * (ranked[min(below + 1, len(known) - 1)] - ranked[below]))
    return max(share, float(ranked[-1]) - _BELOW_HARDEST)


def outdone(limit: FloatArray, seconds: FloatArray, of_limit: FloatArray, of_seconds: FloatArray) -> FloatArray:
    """Whether each effort (n,) is outdone by any of the others (n, k) of its time: 1 or 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.abs(np.log(of_seconds / seconds[:, None]))
        better = of_limit - _OUTDONE_BY - _OUTDONE_PER_LOG * apart > limit[:, None]
    return np.asarray((better & (apart < _COMPARABLE_LOG)).any(axis=1), dtype=np.float64)


def is_hard(limit: FloatArray, reference: FloatArray) -> FloatArray:
    """Whether a limit is within reach of the reference; a missing reference is no bar."""
    with np.errstate(invalid="ignore"):
        return np.asarray(~(limit < reference - _HARD_WITHIN), dtype=np.float64)


def near_maximal(history: History, row: int, column: int, first_day: int, last_day: int) -> bool:
    """Whether the effort at [row, column] was near maximal among those of the days after `first_day` to `last_day`."""
    seconds = history.seconds[row, column]
    limit = history.y[row, column] - float(history.curve.shape(seconds))
    some = slice(history.until(first_day), history.until(last_day))
    best = history.limit[some].max(axis=0)
    when = history.limit[some].argmax(axis=0)
    lasted = history.seconds[some][when, np.arange(len(history.sizes))]
    if outdone(np.array([limit]), np.array([seconds]), best[None], lasted[None])[0]:
        return False
    reference = _reference(history.hardest[history.rows(last_day, REFERENCE_DAYS)])
    return bool(is_hard(np.array([limit]), np.array([reference]))[0])
