"""When the body asks for rest: rules over daily values, each with its inputs and what would clear it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

_LEAST_BASELINE = 20
_HALF_SD = 0.5
_RAISED_RESTING_BPM = 5.0
_MOST_RAMP = 8.0
_LEAST_TSB = -30.0
_MOST_MONOTONY = 2.0
_MONOTONOUS_LOAD = 300.0
_CALM_DAYS = 3
_SILENT_DAYS = 14


@dataclass(frozen=True, slots=True)
class Baseline:
    """The mean of the last 7 days against the mean and standard deviation of the last 60, of which `days` are known."""

    week: float
    mean: float
    sd: float
    days: int


@dataclass(frozen=True, slots=True)
class DayState:
    """What is known of a day; None where it is not. `week_load` is the sum of seven days; `hrv` of ln RMSSD in ms and
    `resting` in bpm, each of one device.
    """

    day: date
    ramp: float | None = None
    tsb: float | None = None
    monotony: float | None = None
    week_load: float | None = None
    hrv: Baseline | None = None
    resting: Baseline | None = None


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


@dataclass(frozen=True, slots=True)
class Episode:
    """A time in which one rule kept calling: the alert that opened it, the latest, on how many days it called, and the
    day on which it was over: after three calm days in a row (`ended`: cleared), or 14 without the inputs (unknown).
    """

    opened: Alert
    latest: Alert
    days: int
    closed_on: date | None = None
    ended: str | None = None


CALM, UNKNOWN = "calm", "unknown"
Verdict = Alert | str


def recovery_alerts(state: DayState) -> tuple[Alert, ...]:
    """The alerts of a day, in a fixed order.

    HRV: the 7-day mean of ln RMSSD (3 days at least) outside the 60-day mean +- 0.5 SD (20 days at least). Plews et al.
    2013, Sports Med 43, doi 10.1007/s40279-013-0071-8; Kiviniemi et al. 2007, doi 10.1007/s00421-007-0552-2. Resting
    heart rate: 7-day mean 5 bpm and 0.5 SD above that of 60 days. Ramp over 8 a week and TSB below -30: customary
    bounds (Friel), not thresholds of injury. Monotony over 2 in a week of 300 or more: Foster 1998, doi
    10.1097/00005768-199807000-00023.
    """
    return tuple(verdict for rule in _RULES for verdict in (rule(state),) if isinstance(verdict, Alert))


def episodes(states: Sequence[DayState]) -> tuple[Episode, ...]:
    """The alerts of days in a row, one episode for as long as a rule keeps calling; in order of their first day.

    What comes later never changes when an episode opened: as of any day, the days up to it give the same.
    """
    found = [episode for rule in _RULES for episode in _episodes_of([rule(s) for s in states], [s.day for s in states])]
    return tuple(sorted(found, key=lambda e: (e.opened.day, e.opened.rule)))


def _episodes_of(verdicts: Sequence[Verdict], days: Sequence[date]) -> Iterator[Episode]:
    current: Episode | None = None
    calm = unknown = 0
    for verdict, day in zip(verdicts, days, strict=True):
        if isinstance(verdict, Alert):
            current = (
                replace(current, latest=verdict, days=current.days + 1) if current else Episode(verdict, verdict, 1)
            )
            calm = unknown = 0
            continue
        if current is None:
            continue
        calm, unknown = (calm + 1, 0) if verdict == CALM else (calm, unknown + 1)
        if calm >= _CALM_DAYS or unknown >= _SILENT_DAYS:
            yield replace(current, closed_on=day, ended="cleared" if calm >= _CALM_DAYS else "unknown")
            current = None
    if current is not None:
        yield current


def _hrv(state: DayState) -> Verdict:
    base, day = state.hrv, state.day
    if base is None or base.days < _LEAST_BASELINE:
        return UNKNOWN
    low, high = base.mean - _HALF_SD * base.sd, base.mean + _HALF_SD * base.sd
    if low <= base.week <= high:
        return CALM
    way = "below" if base.week < low else "above"
    return Alert(
        "hrv", day, f"heart rate variability of the week is {way} your usual range",
        {"week_ln_rmssd": round(base.week, 3), "usual_low": round(low, 3), "usual_high": round(high, 3),
         "baseline_days": base.days},
        f"a 7-day mean of ln RMSSD between {low:.2f} and {high:.2f}",
    )  # fmt: skip


def _resting(state: DayState) -> Verdict:
    base, day = state.resting, state.day
    if base is None or base.days < _LEAST_BASELINE:
        return UNKNOWN
    limit = base.mean + max(_RAISED_RESTING_BPM, _HALF_SD * base.sd)
    if base.week < limit:
        return CALM
    return Alert(
        "resting_hr", day, f"resting heart rate is {base.week - base.mean:.0f} bpm above its usual",
        {"week_bpm": round(base.week, 1), "usual_bpm": round(base.mean, 1), "limit_bpm": round(limit, 1),
         "baseline_days": base.days},
        f"a 7-day mean below {limit:.0f} bpm",
    )  # fmt: skip


def _ramp(state: DayState) -> Verdict:
    if state.ramp is None:
        return UNKNOWN
    if not state.ramp > _MOST_RAMP:
        return CALM
    inputs = {"ramp_per_week": round(state.ramp, 1), "limit": _MOST_RAMP}
    message = f"fitness rose by {state.ramp:.1f} in a week"
    return Alert("ramp", state.day, message, inputs, f"a rise of at most {_MOST_RAMP:.0f} over seven days")


def _tsb(state: DayState) -> Verdict:
    if state.tsb is None:
        return UNKNOWN
    if not state.tsb < _LEAST_TSB:
        return CALM
    inputs = {"tsb": round(state.tsb, 1), "limit": _LEAST_TSB}
    return Alert("tsb", state.day, f"form is at {state.tsb:.0f}", inputs, f"form above {_LEAST_TSB:.0f}")


def _monotony(state: DayState) -> Verdict:
    if state.monotony is None or state.week_load is None:
        return UNKNOWN
    if not (state.monotony > _MOST_MONOTONY and state.week_load >= _MONOTONOUS_LOAD):
        return CALM
    inputs = {"monotony": round(state.monotony, 2), "limit": _MOST_MONOTONY, "week_load": round(state.week_load, 0)}
    message = "the days of the week are hard to tell apart by their load"
    return Alert("monotony", state.day, message, inputs, "a rest day, or an easy one among the hard")


_RULES = (_hrv, _resting, _ramp, _tsb, _monotony)
