"""What was done of a planned session: where in an activity its intervals lie, and how well each was held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

HELD_SHARE = 0.95
"""An interval is finished when its mean reaches this share of the target's lower end over its whole length."""
SHAPE_SAME_DAY, SHAPE_NEXT_DAY, SHAPE_UNDATED = 0.5, 0.6, 0.7
"""How like the plan an activity must be, by how much else says that it is the one."""
_SMOOTH_SECONDS = 30
_SHIFT_STEP = 5
_EARLY_SECONDS = 600
_FIRST_REACH, _SEARCH_SECONDS, _SEARCH_SHARE = 150, 20, 0.15
_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class PlannedStretch:
    """A step of the plan in time: `low` and `high` of its target, None without one; `judged`: it is an interval."""

    seconds: int
    low: float | None
    high: float | None
    judged: bool


@dataclass(frozen=True, slots=True)
class Held:
    """One interval: its target, where it was done (s from the start of the timer), its mean there, the share of its
    seconds within 5 % of the target, and whether it was finished.
    """

    interval: int
    seconds: int
    low: float
    high: float
    start: int
    mean: float
    in_target: float
    finished: bool


@dataclass(frozen=True, slots=True)
class Compliance:
    """`score` 0 to 1: how like the plan the activity is; `held` each interval."""

    score: float
    held: tuple[Held, ...]


def compare(plan: Sequence[PlannedStretch], values: FloatArray) -> Compliance:
    """The plan laid over an activity's `values` (n,), W or m/s for each second of the timer.

    The plan is shifted as a whole to where its intervals are done hardest, and then each interval is looked for near
    where the one before it lets expect it. The score is the correlation of plan and 30 s mean over the plan's length,
    times the share of that length that there is; for a plan of one level it is how near the mean comes to it.
    """
    if len(values) == 0 or not plan:
        return Compliance(0.0, ())
    total = np.concatenate(([0.0], np.cumsum(np.nan_to_num(values))))
    starts = np.concatenate(([0], np.cumsum([one.seconds for one in plan])))[:-1].astype(int)
    judged = [index for index, one in enumerate(plan) if one.judged and one.low is not None]
    shift = _best_shift([(int(starts[i]), plan[i].seconds) for i in judged], total)
    return Compliance(_score(plan, values, shift), tuple(_held(plan, starts.tolist(), judged, shift, values, total)))


def _means(begins: NDArray[np.int64], seconds: int, total: FloatArray) -> FloatArray:
    """Mean over `seconds` from each begin; what lies outside of the activity counts as nothing."""
    n = len(total) - 1
    return (total[np.clip(begins + seconds, 0, n)] - total[np.clip(begins, 0, n)]) / max(seconds, 1)


def _best_shift(windows: Sequence[tuple[int, int]], total: FloatArray) -> int:
    if not windows:
        return 0
    n = len(total) - 1
    first = windows[0][0]
    shifts = np.arange(-min(first, _EARLY_SECONDS), max(1, n - first), _SHIFT_STEP)
    work = np.zeros(len(shifts))
    for begin, seconds in windows:
        work += seconds * _means(begin + shifts, seconds, total)
    best = np.flatnonzero(work >= work.max() - 1e-9)
    return int(shifts[best[np.argmin(np.abs(shifts[best]))]])


def _score(plan: Sequence[PlannedStretch], values: FloatArray, shift: int) -> float:
    template = np.concatenate([np.full(one.seconds, _middle(one)) for one in plan])
    n = len(template)
    padded = np.zeros(n)
    begin, end = max(0, shift), min(len(values), shift + n)
    if end <= begin:
        return 0.0
    total = np.concatenate(([0.0], np.cumsum(np.nan_to_num(values))))
    at = np.arange(begin, end)
    low, high = np.maximum(at - _SMOOTH_SECONDS // 2, 0), np.minimum(at + _SMOOTH_SECONDS // 2 + 1, len(values))
    padded[begin - shift : end - shift] = (total[high] - total[low]) / (high - low)
    known = np.isfinite(template)
    if not known.any():
        return 0.0
    want, had = template[known], padded[known]
    share = (end - begin) / n
    if want.std() < 0.02 * want.mean():
        near = 1.0 - 2.0 * abs(float(values[begin:end][np.isfinite(values[begin:end])].mean()) / float(want.mean()) - 1)
        return max(0.0, min(near, 1.0)) * min(1.0, n / len(values)) * share
    if had.std() == 0:
        return 0.0
    return max(0.0, float(np.corrcoef(want, had)[0, 1])) * share


def _middle(one: PlannedStretch) -> float:
    return np.nan if one.low is None or one.high is None else (one.low + one.high) / 2


def _held(
    plan: Sequence[PlannedStretch],
    starts: Sequence[int],
    judged: Sequence[int],
    shift: int,
    values: FloatArray,
    total: FloatArray,
) -> list[Held]:
    found: list[Held] = []
    n = len(values)
    moved, free, before = shift, 0, None
    for number, index in enumerate(judged, 1):
        one = plan[index]
        assert one.low is not None and one.high is not None  # noqa: S101, PT018 - judged ones have a target
        # The shift as a whole is a compromise: how far the first one lies from it, later rests have decided.
        gap = 0 if before is None else starts[index] - starts[before]
        reach = _FIRST_REACH if before is None else _SEARCH_SECONDS + int(_SEARCH_SHARE * gap)
        begins = np.arange(max(free, starts[index] + moved - reach), max(free, starts[index] + moved + reach) + 1)
        means = _means(begins, one.seconds, total)
        # Of equal means the earliest: a steady ride has its intervals where the plan has them.
        expected = starts[index] + moved
        near = np.flatnonzero(means >= means.max() - 1e-9)
        begin = int(begins[near[np.argmin(np.abs(begins[near] - expected))]])
        part = values[max(begin, 0) : begin + one.seconds]
        known = part[np.isfinite(part)]
        within = (known >= (1 - _TOLERANCE) * one.low) & (known <= (1 + _TOLERANCE) * one.high)
        mean = float(_means(np.array([begin]), one.seconds, total)[0])
        finished = mean >= HELD_SHARE * one.low and begin + one.seconds <= n + 1
        found.append(
            Held(
                number, one.seconds, one.low, one.high, begin, round(mean, 3),
                round(float(within.sum()) / one.seconds, 4), bool(finished),
            )
        )  # fmt: skip
        moved, free, before = begin - starts[index], begin + one.seconds, index
    return found
