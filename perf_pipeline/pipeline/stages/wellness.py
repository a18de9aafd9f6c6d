"""Stage `daily_wellness`: weight, resting heart rate, HRV and sleep by local day, with baselines of one source."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

CREDIBLE: Mapping[str, tuple[float, float]] = {
    "weight_kg": (25.0, 300.0),
    "resting_hr_bpm": (25.0, 120.0),
    "hrv_ms": (3.0, 400.0),
    "sleep_hours": (0.5, 24.0),
}
"""Lowest and highest value of each metric that is believed; others are as if they had not been measured."""
LONGEST_CARRY_DAYS = 365
"""What was measured longer ago says nothing about today."""
WEEK, BASELINE = 7, 60
LEAST_DAYS = 3


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value of one source, on the athlete's local day."""

    metric: str
    day: date
    value: float
    source: str


def is_credible(metric: str, value: float) -> bool:
    """Whether the value lies within what is believed of the metric."""
    low, high = CREDIBLE[metric]
    return math.isfinite(value) and low <= value <= high


def rows(profile_id: UUID, measurements: Iterable[Measurement], today: date) -> list[dict[str, Any]]:
    """The rows of `daily_wellness`: every day from a metric's first value to today, a year after its last at most.

    Each day's numbers come from one source: the one that measured most of the last 60 days, of equals the one that
    measured last. Baselines hold that source's values alone, so that a new device begins its own.
    """
    by_metric: dict[str, dict[str, dict[date, set[float]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(set)))
    for one in measurements:
        if is_credible(one.metric, one.value) and one.day <= today:
            by_metric[one.metric][one.source][one.day].add(one.value)
    found: list[dict[str, Any]] = []
    for metric in sorted(by_metric):
        found += _rows_of(profile_id, metric, by_metric[metric], today)
    return found


def _rows_of(
    profile_id: UUID, metric: str, sources: Mapping[str, Mapping[date, set[float]]], today: date
) -> list[dict[str, Any]]:
    first = min(day for days in sources.values() for day in days)
    count = (today - first).days + 1
    names = sorted(sources)
    series = [_Series.of(metric, sources[name], first, count) for name in names]
    chosen = _choose(series)
    found = []
    for index in range(count):
        one = series[chosen[index]]
        age = int(one.age[index])
        if age > LONGEST_CARRY_DAYS:
            continue
        week, baseline = int(one.valid_week[index]), int(one.valid_baseline[index])
        enough = baseline >= LEAST_DAYS
        found.append(
            {
                "profile_id": profile_id,
                "metric_type": metric,
                "date": first + timedelta(days=index),
                "source": names[chosen[index]],
                "source_reason": _reason(series, chosen[index], index),
                "value": round(float(one.carried[index]), 4),
                "age_days": age,
                "mean_7d": round(float(one.mean_week[index]), 5) if week >= LEAST_DAYS else None,
                "mean_60d": round(float(one.mean_baseline[index]), 5) if enough else None,
                "sd_60d": round(float(one.sd_baseline[index]), 5) if enough else None,
                "valid_7d": week,
                "valid_60d": baseline,
            }
        )
    return found


@dataclass(frozen=True)
class _Series:
    """One source's days, all (days,): what is carried forward, for how long, and the rolling numbers."""

    carried: FloatArray
    age: NDArray[np.int64]
    valid_week: NDArray[np.int64]
    valid_baseline: NDArray[np.int64]
    mean_week: FloatArray
    mean_baseline: FloatArray
    sd_baseline: FloatArray

    @staticmethod
    def of(metric: str, days: Mapping[date, set[float]], first: date, count: int) -> _Series:
        values = np.full(count, np.nan)
        for day, told in days.items():
            # A night told in two pieces is told by the longer one; anything else by its mean.
            values[(day - first).days] = max(told) if metric == "sleep_hours" else float(np.mean(sorted(told)))
        known = np.isfinite(values)
        last = np.maximum.accumulate(np.where(known, np.arange(count), -1))
        age = np.where(last >= 0, np.minimum(np.arange(count) - last, LONGEST_CARRY_DAYS + 1), LONGEST_CARRY_DAYS + 1)
        carried = values[np.maximum(last, 0)]
        averaged = np.log(values, where=known, out=np.full(count, np.nan)) if metric == "hrv_ms" else values
        week, baseline = _rolling(averaged, known, WEEK), _rolling(averaged, known, BASELINE)
        return _Series(carried, age, week[0], baseline[0], week[1], baseline[1], baseline[2])


def _rolling(
    values: FloatArray, known: NDArray[np.bool_], days: int
) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    """Number, mean and standard deviation of what is known of the last `days`, each (n,)."""
    # About their middle, so that the sums of squares lose no digits.
    middle = float(np.mean(values[known])) if known.any() else 0.0
    filled = np.where(known, values - middle, 0.0)
    count = _trailing(known.astype(np.float64), days)
    total, squares = _trailing(filled, days), _trailing(filled**2, days)
    some = np.maximum(count, 1.0)
    variance = np.maximum(squares - total**2 / some, 0.0) / np.maximum(count - 1.0, 1.0)
    return np.round(count).astype(np.int64), middle + total / some, np.sqrt(variance)


def _trailing(values: FloatArray, days: int) -> FloatArray:
    total = np.concatenate(([0.0], np.cumsum(values)))
    begin = np.maximum(np.arange(len(values)) + 1 - days, 0)
    return np.asarray(total[1:] - total[begin], dtype=np.float64)


def _choose(series: Sequence[_Series]) -> NDArray[np.int64]:
    """Index of the source of each day (days,)."""
    counts = np.array([one.valid_baseline for one in series], dtype=np.float64)
    ages = np.array([one.age for one in series], dtype=np.float64)
    # No age outweighs a day measured.
    return np.asarray(np.argmax(counts - ages / (2 * LONGEST_CARRY_DAYS), axis=0), dtype=np.int64)


def _reason(series: Sequence[_Series], chosen: int, index: int) -> str:
    known = [n for n, one in enumerate(series) if one.age[index] <= LONGEST_CARRY_DAYS]
    if known == [chosen]:
        return "the only source"
    mine = int(series[chosen].valid_baseline[index])
    others = max(int(series[n].valid_baseline[index]) for n in known if n != chosen)
    if mine > others:
        return f"measured on {mine} of the last {BASELINE} days, the next on {others}"
    return f"measured on {mine} of the last {BASELINE} days like another one, and more lately"
