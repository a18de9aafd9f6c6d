"""Stage `threshold_models`: Critical Power, Critical Speed and Critical Swim Speed as of a day."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

from perf_pipeline.physiology.thresholds import (
    CriticalPowerFit,
    CriticalSpeedFit,
    PowerEffort,
    Refusal,
    SpeedEffort,
    fit_critical_power,
    fit_critical_speed,
    fit_critical_swim_speed,
    ftp_from_20min,
)  # fmt: skip
from perf_pipeline.pipeline.series import SeriesEffort

WINDOW_DAYS = 90
PER_WINDOW = 3
"""Best efforts kept per duration: more than one, since the best may overlap with a better one of another length."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says, or why it says nothing. Numbers are rounded to what is stored."""

    threshold: float | None = None
    threshold_low: float | None = None
    threshold_high: float | None = None
    capacity: float | None = None
    capacity_low: float | None = None
    capacity_high: float | None = None
    refusal: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Model:
    """One model of one sport: which efforts it looks at, and how it answers."""

    sport: str
    name: str
    unit: str
    wants: Callable[[SeriesEffort], bool]
    answer: Callable[[Sequence[SeriesEffort]], Answer]


def _is_power(effort: SeriesEffort) -> bool:
    return effort.effort_type == "power" and 120 <= effort.duration_seconds <= 1200


def _is_run_distance(effort: SeriesEffort) -> bool:
    return effort.distance_meters is not None and 800 <= effort.distance_meters <= 10_000


def _is_swim_distance(effort: SeriesEffort) -> bool:
    return effort.distance_meters is not None and effort.distance_meters in (100, 200, 400, 800, 1500)


def _critical_power(efforts: Sequence[SeriesEffort]) -> Answer:
    fit = fit_critical_power(
        [PowerEffort(e.duration_seconds, e.value, e.day, str(e.activity_id), e.start_offset) for e in efforts]
    )
    best_20 = max((e.value for e in efforts if e.duration_seconds == 1200), default=None)
    ftp = {} if best_20 is None else {"ftp_from_20min_watts": round(ftp_from_20min(best_20), 1)}
    if isinstance(fit, Refusal):
        return Answer(refusal=fit.reason, details=ftp)
    return _answer(fit, fit.cp_watts, fit.cp_interval, fit.w_prime_joules, fit.w_prime_interval, ftp)


def _critical_speed(efforts: Sequence[SeriesEffort]) -> Answer:
    timed = [(e, e.distance_meters, e.elapsed_seconds) for e in efforts]
    known = [(e, d, t) for e, d, t in timed if d is not None and t is not None]
    fit = fit_critical_speed(
        [d for _, d, _ in known],
        [t for _, _, t in known],
        [e.day for e, _, _ in known],
        [str(e.activity_id) for e, _, _ in known],
        [float(e.start_offset) for e, _, _ in known],
    )
    if isinstance(fit, Refusal):
        return Answer(refusal=fit.reason)
    return _answer(fit, fit.cs_mps, fit.cs_interval, fit.d_prime_meters, fit.d_prime_interval, {})


def _critical_swim_speed(efforts: Sequence[SeriesEffort]) -> Answer:
    best: dict[float, float] = {}
    for e in efforts:
        if e.distance_meters is not None and e.elapsed_seconds is not None:
            best[e.distance_meters] = min(e.elapsed_seconds, best.get(e.distance_meters, e.elapsed_seconds))
    found = fit_critical_swim_speed(best)
    if isinstance(found, Refusal):
        return Answer(refusal=found.reason)
    return Answer(threshold=round(found, 4), details={"best_seconds": {f"{d:g} m": t for d, t in sorted(best.items())}})


def _answer(
    fit: CriticalPowerFit | CriticalSpeedFit,
    threshold: float,
    threshold_interval: tuple[float, float],
    capacity: float,
    capacity_interval: tuple[float, float],
    more: Mapping[str, Any],
) -> Answer:
    efforts: Sequence[PowerEffort | SpeedEffort] = fit.efforts
    details = {
        "forms": {name: _rounded(asdict(form)) for name, form in fit.forms.items()},
        "r_squared": round(fit.r_squared, 5),
        "efforts": [
            {**_rounded(asdict(effort)), "weight": round(weight, 4)}
            for effort, weight in zip(efforts, fit.weights, strict=True)
        ],
        **more,
    }
    return Answer(
        threshold=round(threshold, 4),
        threshold_low=round(threshold_interval[0], 4),
        threshold_high=round(threshold_interval[1], 4),
        capacity=round(capacity, 2),
        capacity_low=round(capacity_interval[0], 2),
        capacity_high=round(capacity_interval[1], 2),
        details=details,
    )


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: round(value, 4) if isinstance(value, float) else value.isoformat() if isinstance(value, date) else value
        for key, value in values.items()
    }


MODELS: tuple[Model, ...] = (
    Model("bike", "critical_power", "W", _is_power, _critical_power),
    Model("run", "critical_power", "W", _is_power, _critical_power),
    Model("run", "critical_speed", "m/s", _is_run_distance, _critical_speed),
    Model("swim", "critical_swim_speed", "m/s", _is_swim_distance, _critical_swim_speed),
)


def candidates(model: Model, efforts: Iterable[SeriesEffort]) -> list[SeriesEffort]:
    """The efforts that the model may look at, in order of day."""
    chosen = [e for e in efforts if e.sport == model.sport and model.wants(e)]
    return sorted(chosen, key=lambda e: (e.day, e.recorded_at, str(e.activity_id), e.duration_seconds))


def window(efforts: Sequence[SeriesEffort], as_of: date) -> list[SeriesEffort]:
    """The best few of each duration or distance within the local days as_of - 89 to as_of."""
    first = as_of - timedelta(days=WINDOW_DAYS - 1)
    groups: dict[float, list[SeriesEffort]] = defaultdict(list)
    for effort in efforts:
        if first <= effort.day <= as_of:
            groups[effort.distance_meters or effort.duration_seconds].append(effort)
    return [effort for key in sorted(groups) for effort in heapq.nsmallest(PER_WINDOW, groups[key], key=_rank)]


def _rank(effort: SeriesEffort) -> tuple[float, str]:
    better = -effort.value if effort.elapsed_seconds is None else effort.elapsed_seconds
    return better, str(effort.activity_id)
