"""When the body asks for rest: rules over daily values, each with its inputs and what would clear it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

_WEEK, _BASELINE = 7, 60
_LEAST_WEEK, _LEAST_BASELINE = 3, 20
_HALF_SD = 0.5
_RAISED_RESTING_BPM = 5.0
_MOST_RAMP = 8.0
_LEAST_TSB = -30.0
_MOST_MONOTONY = 2.0
_MONOTONOUS_LOAD = 300.0


@dataclass(frozen=True, slots=True)
class DayState:
    """What load makes of a day; None where it is not known. `week_load` is the sum of seven days."""

    day: date
    ramp: float | None = None
    tsb: float | None = None
    monotony: float | None = None
    week_load: float | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """`rule`: hrv, resting_hr, ramp, tsb or monotony. `inputs`: the numbers that it looked at. `clears`: what would
    clear it.
    """

    rule: str
    day: date
    message: str
    inputs: Mapping[str, float]
    clears: str


def recovery_alerts(
    state: DayState, rmssd_ms: Mapping[date, float] | None = None, resting_bpm: Mapping[date, float] | None = None
) -> tuple[Alert, ...]:
    """The alerts of a day, in a fixed order; `rmssd_ms` and `resting_bpm` by local day, each of one device.

    HRV: the 7-day mean of ln RMSSD (3 days at least) outside the mean +- 0.5 SD of the 60 days before that week (20 at
    least). Plews et al. 2013, Sports Med 43, doi 10.1007/s40279-013-0071-8; Kiviniemi et al. 2007, doi
    10.1007/s00421-007-0552-2. Resting heart rate: 7-day mean 5 bpm and 0.5 SD above that of the 60 days. Ramp over 8 a
    week and TSB below -30: customary bounds (Friel), not thresholds of injury. Monotony over 2 in a week of 300 or
    more: Foster 1998, doi 10.1097/00005768-199807000-00023.
    """
    found = (
        _hrv(state.day, rmssd_ms or {}),
        _resting(state.day, resting_bpm or {}),
        _ramp(state),
        _tsb(state),
        _monotony(state),
    )
    return tuple(alert for alert in found if alert is not None)


@dataclass(frozen=True, slots=True)
class Baseline:
    """The mean of the last week against the mean and standard deviation of the 60 days before it."""

    week: float
    mean: float
    sd: float
    days: int


def baseline(day: date, values: Mapping[date, float]) -> Baseline | None:
    """The week up to `day` against the 60 days before it; None with fewer than 3 and 20 days."""
    week = _window(day, values, 0, _WEEK)
    before = _window(day, values, _WEEK, _BASELINE)
    if len(week) < _LEAST_WEEK or len(before) < _LEAST_BASELINE:
        return None
    return Baseline(float(np.mean(week)), float(np.mean(before)), float(np.std(before, ddof=1)), len(before))


def _window(day: date, values: Mapping[date, float], skip: int, length: int) -> Sequence[float]:
    days = (day - timedelta(days=skip + k) for k in range(length))
    return [values[d] for d in days if d in values and math.isfinite(values[d])]


def _hrv(day: date, rmssd_ms: Mapping[date, float]) -> Alert | None:
    logs = {d: math.log(v) for d, v in rmssd_ms.items() if math.isfinite(v) and v > 0}
    base = baseline(day, logs)
    if base is None:
        return None
    low, high = base.mean - _HALF_SD * base.sd, base.mean + _HALF_SD * base.sd
    if low <= base.week <= high:
        return None
    way = "below" if base.week < low else "above"
    return Alert(
        "hrv", day, f"heart rate variability of the week is {way} your usual range",
        {"week_ln_rmssd": round(base.week, 3), "usual_low": round(low, 3), "usual_high": round(high, 3),
         "baseline_days": base.days},
        f"a 7-day mean of ln RMSSD between {low:.2f} and {high:.2f}",
    )  # fmt: skip


def _resting(day: date, resting_bpm: Mapping[date, float]) -> Alert | None:
    base = baseline(day, resting_bpm)
    if base is None:
        return None
    limit = base.mean + max(_RAISED_RESTING_BPM, _HALF_SD * base.sd)
    if base.week < limit:
        return None
    return Alert(
        "resting_hr", day, f"resting heart rate is {base.week - base.mean:.0f} bpm above its usual",
        {"week_bpm": round(base.week, 1), "usual_bpm": round(base.mean, 1), "limit_bpm": round(limit, 1),
         "baseline_days": base.days},
        f"a 7-day mean below {limit:.0f} bpm",
    )  # fmt: skip


def _ramp(state: DayState) -> Alert | None:
    if state.ramp is None or not state.ramp > _MOST_RAMP:
        return None
    inputs = {"ramp_per_week": round(state.ramp, 1), "limit": _MOST_RAMP}
    message = f"fitness rose by {state.ramp:.0f} in a week"
    return Alert("ramp", state.day, message, inputs, f"a rise of at most {_MOST_RAMP:.0f} over seven days")


def _tsb(state: DayState) -> Alert | None:
    if state.tsb is None or not state.tsb < _LEAST_TSB:
        return None
    inputs = {"tsb": round(state.tsb, 1), "limit": _LEAST_TSB}
    return Alert("tsb", state.day, f"form is at {state.tsb:.0f}", inputs, f"form above {_LEAST_TSB:.0f}")


def _monotony(state: DayState) -> Alert | None:
    if state.monotony is None or state.week_load is None:
        return None
    if not (state.monotony > _MOST_MONOTONY and state.week_load >= _MONOTONOUS_LOAD):
        return None
    inputs = {"monotony": round(state.monotony, 2), "limit": _MOST_MONOTONY, "week_load": round(state.week_load, 0)}
    message = "the days of the week are hard to tell apart by their load"
    return Alert("monotony", state.day, message, inputs, "a rest day, or an easy one among the hard")
