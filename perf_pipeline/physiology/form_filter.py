"""What the athlete can do, as a belief that each activity changes: a Bayes filter over one hidden number a target.

The hidden number is the ln(limit) of the curve as it shows at one size (so that each athlete's own shape is learnt). It
drifts from day to day. An effort is a lower bound of it, whatever else it is; one that was near maximal (the rule of
`near_maximal`, seen up to that activity) may also be a measurement with a one-sided error. Efforts of other sizes count
with an error that grows with the distance in ln(size). Recursive grid filter after Jazwinski 1970; efforts as lower
bounds of a frontier with a one-sided error after Aigner, Lovell, Schmidt 1977, doi 10.1016/0304-4076(77)90052-5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from perf_pipeline.physiology.effort_history import Curve, FloatArray, History
from perf_pipeline.physiology.near_maximal import is_hard, outdone, references

STEP = 0.01
DRIFT_PER_DAY = 0.004
"""Standard deviation of ln(limit) from one day to the next: 2 % in a month, 4 % in three."""
AHEAD_DAYS = 15
"""The middle of the 30 days for which a prediction is meant."""
_SHORT_OF_MAXIMUM = 0.02
_SENSOR = 0.008
_PER_LOG_SIZE = 0.06
_FURTHEST_LOG_SIZE = 1.9
_MAXIMAL_SHARE = 0.5
"""Of the efforts that pass the rule, how many are measurements and not only bounds."""
_OTHERWISE_DENSITY = 2.0
_FLOOR = 1e-6
_TAILS = (0.15, 0.5, 0.85)


@dataclass(frozen=True, slots=True)
class Belief:
    """As of one day, for each target (T,): ln(value) at the 15th, 50th and 85th percentile of the belief about the
    middle of the next 30 days, and its standard deviation.
    """

    low: FloatArray
    middle: FloatArray
    high: FloatArray
    deviation: FloatArray


@dataclass(frozen=True, slots=True)
class _Observations:
    """For each target and activity (T, A): the limit seen, its error, and the share that it is a measurement."""

    limit: FloatArray
    error: FloatArray
    share: FloatArray


def beliefs(history: History, as_of: Sequence[int]) -> list[Belief]:
    """The belief as of each day (in rising order), from the activities up to that day and none after."""
    curve = history.curve
    grid = np.arange(curve.lowest, curve.highest + STEP / 2, STEP)
    shown = np.array([curve.expected(size, grid) for size in curve.targets])
    seen = _observations(history)
    prior = np.exp(-0.5 * ((grid - curve.usual) / curve.spread) ** 2)
    belief = np.tile(prior / prior.sum(), (len(curve.targets), 1))
    last = int(history.day[0]) if len(history.day) else 0
    found: list[Belief] = []
    row = 0
    for day in as_of:
        end = history.until(day)
        while row < end:
            today = int(history.day[row])
            belief = _drifted(belief, today - last)
            last = today
            belief = _learnt(belief, grid, seen, row)
            row += 1
        found.append(_summary(_drifted(belief, max(day - last, 0) + AHEAD_DAYS), shown))
    return found


def _observations(history: History) -> _Observations:
    curve = history.curve
    reference = references(history)
    shape = (len(curve.targets), len(history.day))
    limits, errors, shares = np.full(shape, -np.inf), np.ones(shape), np.zeros(shape)
    rows = np.arange(len(history.day))
    # A sprint has a limit of its own: what the usual shape makes of it.
    known = np.isfinite(history.y)
    limit = np.where(known, history.y - curve.shape(np.where(known, history.seconds, 1.0)), -np.inf)
    for index, target in enumerate(curve.targets):
        apart = np.abs(np.log(history.sizes / target))
        error = np.hypot(_SENSOR, _PER_LOG_SIZE * apart)
        score = np.where(apart < _FURTHEST_LOG_SIZE, limit - error, -np.inf)
        if not score.size:
            continue
        best = score.argmax(axis=1)
        found = np.isfinite(score[rows, best])
        at = np.where(found, limit[rows, best], -np.inf)
        lasted = np.where(found, history.seconds[rows, best], 1.0)
        maximal = is_hard(at, reference) * (1 - outdone(at, lasted, history.limit, history.seconds))
        limits[index], errors[index] = at, error[best]
        shares[index] = _MAXIMAL_SHARE * maximal * found
    return _Observations(limits, errors, shares)


def _learnt(belief: FloatArray, grid: FloatArray, seen: _Observations, row: int) -> FloatArray:
    """Bayes' rule for one activity."""
    limit, error, share = seen.limit[:, row, None], seen.error[:, row, None], seen.share[:, row, None]
    told = np.flatnonzero((limit + 4 * error)[:, 0] > grid[np.argmax(belief > _FLOOR * 1e-2, axis=1)])
    if not len(told):
        return belief
    limit, error, share = limit[told], error[told], share[told]
    above = grid - limit
    likelihood = _OTHERWISE_DENSITY * (1 - share) * ndtr(above / error)
    if share.any():
        # A half-normal shortfall seen through a normal error is skew-normal.
        width = np.hypot(_SHORT_OF_MAXIMUM, error)
        bell = np.exp(-0.5 * (above / width) ** 2) / (width * np.sqrt(2 * np.pi))
        likelihood = likelihood + share * 2 * bell * ndtr(above * _SHORT_OF_MAXIMUM / (error * width))
    new = belief.copy()
    new[told] *= likelihood + _FLOOR
    return np.asarray(new / new.sum(axis=1, keepdims=True))


def _drifted(belief: FloatArray, days: int) -> FloatArray:
    """The belief after days without news."""
    if days <= 0:
        return belief
    variance = days * (DRIFT_PER_DAY / STEP) ** 2
    if variance <= 0.6:
        # Three cells carry a small variance exactly, where a sampled bell would not.
        padded = np.pad(belief, ((0, 0), (1, 1)), mode="edge")
        moved = (1 - variance) * belief + variance / 2 * (padded[:, :-2] + padded[:, 2:])
    else:
        from scipy.ndimage import gaussian_filter1d

        moved = gaussian_filter1d(belief, np.sqrt(variance), axis=1, mode="nearest", truncate=5.0)
    return np.asarray(moved / moved.sum(axis=1, keepdims=True))


def _summary(belief: FloatArray, shown: FloatArray) -> Belief:
    share = np.cumsum(belief, axis=1) - belief / 2
    low, middle, high = (
        np.array([np.interp(tail, p, y) for p, y in zip(share, shown, strict=True)]) for tail in _TAILS
    )
    mean = (belief * shown).sum(axis=1)
    deviation = np.sqrt((belief * (shown - mean[:, None]) ** 2).sum(axis=1))
    return Belief(low, middle, high, deviation)


def targets_of(curve: Curve) -> FloatArray:
    """The targets as an array (T,)."""
    return np.array(curve.targets)
