"""Stage `threshold_models`: what the athlete's bests and heart rates say of thresholds as of a day."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.bounds import POWER_DURATIONS_SECONDS
from perf_pipeline.physiology.fitted_curves import LONG_SECONDS, fit_omni_domain
from perf_pipeline.physiology.heart_rate import HeartRateLimit, estimate_hr_max, estimate_lthr
from perf_pipeline.physiology.records import DISQUALIFYING
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
from perf_pipeline.pipeline.stages.observations import Observation

FloatArray = NDArray[np.float64]

EFFORT_DAYS = 90
HEART_RATE_DAYS = 365
"""Few weeks hold a race: a year of evidence."""
PER_WINDOW = 8
"""Best efforts kept per duration: the best may overlap with a better one of another length, and where many were
maximal the best alone is too good by luck."""
SPRINT_SECONDS = 120
FTP_SECONDS = 1200
BEST_20MIN_BPM, HIGHEST_BPM = "best_20min_heart_rate_bpm", "max_heart_rate_bpm"
RUN_METERS = (800.0, 42_195.0)
"""Those beyond 10 km do not carry the fit, but may contradict it."""
MOST_DISAGREEMENT = 0.25
"""Of the threshold, between the forms of the model: efforts on one curve give 1 or 2 %, real ones up to 20 %."""
PEAK_OVER_20_MIN = 1.25
"""A heart rate further above the best 20 minutes of its activity is a fault of the strap."""
HR_MAX_DAYS = 5 * 365
"""A maximal heart rate falls by less than a beat a year, and a year of easy training shows none."""
SWIM_METERS = (100.0, 200.0, 400.0, 800.0, 1500.0)
SPOILING = sorted(DISQUALIFYING)
"""Doubts of a time over a distance that keep it out of every model, as out of the records: the distance is wrong."""


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
    """One model of one sport.

    `source`: power (efforts of the durations `keys`), distance (of the distances `keys`), or the name of a metric.
    `days`: how far back it looks; `most`: bests kept per key, all of them where None.
    """

    sport: str
    name: str
    unit: str
    source: str
    keys: tuple[float, float]
    answer: Callable[[Sequence[Observation]], Answer]
    days: int = EFFORT_DAYS
    most: int | None = PER_WINDOW

    @property
    def nothing(self) -> Answer:
        """The answer where there is nothing to look at."""
        what = "heart rate" if self.most is None else "effort of the right length"
        return Answer(refusal=f"no {what} in the last {self.days} days")


def _critical_power(rows: Sequence[Observation]) -> Answer:
    efforts = [PowerEffort(r.key, r.value, r.day, r.activity_id, float(r.start_offset)) for r in rows]
    fit = fit_critical_power(efforts)
    best_20 = max((r.value for r in rows if r.key == FTP_SECONDS), default=None)
    ftp = {} if best_20 is None else {"ftp_from_20min_watts": round(ftp_from_20min(best_20), 1)}
    if isinstance(fit, Refusal):
        return Answer(refusal=fit.reason, details=ftp)
    long = [(r.key, r.value) for r in rows if r.key > LONG_SECONDS]
    doubt = _doubt(fit, fit.cp_watts, fit.cp_interval, long, "Critical Power", "W")
    if doubt:
        return Answer(refusal=doubt, details=ftp)
    more = {
        **ftp,
        "ftp_from_critical_power_watts": round(fit.cp_watts, 1),
        "three_parameter": _rounded(_fields_of(fit.three_parameters)) if fit.three_parameters else None,
        "omni_domain": _omni_domain(fit, rows),
    }
    return _answer(fit, fit.cp_watts, fit.cp_interval, fit.w_prime_joules, fit.w_prime_interval, more)


def _omni_domain(fit: CriticalPowerFit, rows: Sequence[Observation]) -> dict[str, Any]:
    curve = [(r.key, r.value) for r in rows]
    found = fit_omni_domain(
        fit.cp_watts,
        fit.w_prime_joules,
        [point for point in curve if point[0] <= SPRINT_SECONDS],
        [point for point in curve if point[0] > LONG_SECONDS],
    )
    return {"refusal": found.reason} if isinstance(found, Refusal) else _rounded(_fields_of(found))


def _critical_speed(rows: Sequence[Observation]) -> Answer:
    fit = fit_critical_speed(
        [r.key for r in rows],
        [r.value for r in rows],
        [r.day for r in rows],
        [r.activity_id for r in rows],
        [float(r.start_offset) for r in rows],
    )
    if isinstance(fit, Refusal):
        return Answer(refusal=fit.reason)
    long = [(r.value, r.key / r.value) for r in rows if r.value > LONG_SECONDS]
    doubt = _doubt(fit, fit.cs_mps, fit.cs_interval, long, "Critical Speed", "m/s")
    if doubt:
        return Answer(refusal=doubt)
    return _answer(fit, fit.cs_mps, fit.cs_interval, fit.d_prime_meters, fit.d_prime_interval, {})


def _doubt(
    fit: CriticalPowerFit | CriticalSpeedFit,
    threshold: float,
    interval: tuple[float, float],
    long: Sequence[tuple[float, float]],
    what: str,
    unit: str,
) -> str | None:
    """Why the fit cannot be right: its forms say different things, or more than it was held for over half an hour.

    `long`: (seconds, mean) of the efforts beyond 30 min. A threshold is what can be held for about so long at the most
    (Poole et al. 2016, doi 10.1249/MSS.0000000000000939): where more was, the shorter efforts were not maximal.
    """
    limits = [form.limit for form in fit.forms.values()]
    if max(limits) - min(limits) > MOST_DISAGREEMENT * threshold:
        return f"the forms of the model put {what} between {min(limits):.4g} and {max(limits):.4g} {unit}: no one curve"
    seconds, most = max(long, key=lambda one: one[1], default=(0.0, 0.0))
    if most > interval[1]:
        return (
            f"{most:.4g} {unit} held for {seconds / 60:.0f} min lie above the {what} of {threshold:.4g} that shorter "
            "efforts give: those were not maximal"
        )
    return None


def credible_maximum(highest_bpm: FloatArray, best_20min_bpm: FloatArray) -> NDArray[np.bool_]:
    """Whether each highest heart rate (n,) may be one: not a strap's fault far above all that was sustained (n,), NaN
    where the activity has no 20 minutes.
    """
    return np.asarray(~(highest_bpm > PEAK_OVER_20_MIN * best_20min_bpm))


def _critical_swim_speed(rows: Sequence[Observation]) -> Answer:
    best: dict[float, float] = {}
    for row in rows:
        best[row.key] = min(row.value, best.get(row.key, row.value))
    found = fit_critical_swim_speed(best)
    if isinstance(found, Refusal):
        return Answer(refusal=found.reason)
    return Answer(threshold=round(found, 4), details={"best_seconds": {f"{d:g} m": t for d, t in sorted(best.items())}})


def _ftp_20min(rows: Sequence[Observation]) -> Answer:
    best = max(rows, key=lambda r: (r.value, r.activity_id))
    return Answer(
        threshold=round(ftp_from_20min(best.value), 2),
        details={
            "efforts": [
                _rounded(_fields_of(PowerEffort(best.key, best.value, best.day, best.activity_id, best.start_offset)))
            ],
            "note": "a lower bound: whether the 20 minutes were all out is not known",
        },
    )


def _lthr(rows: Sequence[Observation]) -> Answer:
    return _heart_rate(rows, estimate_lthr([r.value for r in rows]))


def _hr_max(rows: Sequence[Observation]) -> Answer:
    return _heart_rate(rows, estimate_hr_max([r.value for r in rows]))


def _heart_rate(rows: Sequence[Observation], limit: HeartRateLimit | Refusal) -> Answer:
    if isinstance(limit, Refusal):
        return Answer(refusal=limit.reason)
    low, high = limit.interval_bpm or (None, None)
    evidence = [rows[i] for i in limit.evidence]
    return Answer(
        threshold=round(limit.bpm, 2),
        threshold_low=None if low is None else round(low, 2),
        threshold_high=None if high is None else round(high, 2),
        details={
            "activities": limit.activities,
            "highest_bpm": limit.highest_bpm,
            "evidence": [
                {"activity_id": r.activity_id, "day": r.day.isoformat(), "bpm": round(r.value, 2)} for r in evidence
            ],
        },
    )


def _answer(
    fit: CriticalPowerFit | CriticalSpeedFit,
    threshold: float,
    threshold_interval: tuple[float, float],
    capacity: float,
    capacity_interval: tuple[float, float],
    more: Mapping[str, Any],
) -> Answer:
    efforts: Sequence[PowerEffort | SpeedEffort] = fit.efforts
    errors = (fit.cp_se, fit.w_prime_se) if isinstance(fit, CriticalPowerFit) else (fit.cs_se, fit.d_prime_se)
    limits = [form.limit for form in fit.forms.values()]
    details = {
        "forms": {name: _rounded(_fields_of(form)) for name, form in fit.forms.items()},
        "forms_disagree_percent": round(100 * (max(limits) - min(limits)) / threshold, 2),
        "threshold_se": round(errors[0], 4),
        "capacity_se": round(errors[1], 2),
        "r_squared": round(fit.r_squared, 5),
        "efforts": [
            {**_rounded(_fields_of(effort)), "weight": round(weight, 4), **_rounded(_fields_of(influence))}
            for effort, weight, influence in zip(efforts, fit.weights, fit.influence, strict=True)
        ],
        "next_effort": _rounded(_fields_of(fit.next_effort)) if fit.next_effort else None,
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


def _fields_of(one: Any) -> dict[str, Any]:
    """A flat dataclass as a mapping; `asdict` would copy every value in depth."""
    return {entry.name: getattr(one, entry.name) for entry in fields(one)}


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: round(value, 4) if isinstance(value, float) else value.isoformat() if isinstance(value, date) else value
        for key, value in values.items()
    }


_POWER = (min(POWER_DURATIONS_SECONDS), max(POWER_DURATIONS_SECONDS))
_ANY = (0.0, 0.0)
MODELS: tuple[Model, ...] = (
    *(Model(sport, "critical_power", "W", "power", _POWER, _critical_power) for sport in ("bike", "run")),
    Model("run", "critical_speed", "m/s", "distance", RUN_METERS, _critical_speed),
    Model("swim", "critical_swim_speed", "m/s", "distance", (min(SWIM_METERS), max(SWIM_METERS)), _critical_swim_speed),
    *(
        Model(sport, "ftp_20min", "W", "power", (FTP_SECONDS, FTP_SECONDS), _ftp_20min, most=1)
        for sport in ("bike", "run")
    ),
    *(
        Model(sport, name, "bpm", metric, _ANY, answer, days, None)
        for name, metric, answer, days in (
            ("lthr", BEST_20MIN_BPM, _lthr, HEART_RATE_DAYS), ("hr_max", HIGHEST_BPM, _hr_max, HR_MAX_DAYS),
        )
        for sport in ("bike", "run", "swim")
    ),
)  # fmt: skip
"""Each answers for itself: bike and run have models of their own, and what one refuses another may know."""
