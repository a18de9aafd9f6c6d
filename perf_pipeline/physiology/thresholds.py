"""Threshold models: Critical Power, Critical Speed, Critical Swim Speed, FTP; each with its uncertainty, or a
refusal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.fitted_curves import ThreeParameters, fit_three_parameters
from perf_pipeline.physiology.hyperbola import (
    TOLERATED,
    Line,
    Parameters,
    forms_of,
    half_width_with,
    leave_one_out,
    robust_line,
    widened,
)
from perf_pipeline.physiology.refusal import Refusal
from perf_pipeline.physiology.selection import Candidate, Rules, companions, distinct, select

__all__ = [
    "CriticalPowerFit", "CriticalSpeedFit", "Influence", "NextEffort", "Parameters", "PowerEffort", "Refusal",
    "SpeedEffort", "critical_swim_speed", "fit_critical_power", "fit_critical_speed", "fit_critical_swim_speed",
    "ftp_from_20min",
]  # fmt: skip

FloatArray = NDArray[np.float64]

_POWER_RULES = Rules(120.0, 1200.0, 67.0, "effort")
_SPEED_RULES = Rules(120.0, 1800.0, 45.0, "distance")
_MOST_SWIM_RESERVE_METERS = 100.0
"""Distance above Critical Swim Speed: swimmers have 10 to 50 m (Dekerle et al. 2002, Int J Sports Med 23)."""
_SPEED_METERS = (800.0, 10_000.0)
_FTP_SHARE = 0.95
_WINDOW_DAYS = 90
_NEXT_SECONDS = (120, 180, 240, 300, 360, 480, 600, 720, 900, 1200)
_WIDEST_HALF_INTERVAL, _WIDEST_WIDENED = 0.20, 0.35
"""A 90 % interval of more than this share of the threshold to either side says nothing that training could use."""
_LEAST_WEIGHT, _AGREEMENT = 3.6, 0.005
"""Fewer efforts than this must agree as closely as that: three easy ones often lie on some curve within a few per
cent, hardly ever within half of one."""
_BAND, _BAND_SCATTERS = (0.03, 0.06), 2.5
_TOLERATED_SCATTERS, _MOST_TOLERATED = 1.5, 0.035
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class PowerEffort:
    """A mean-maximal effort. `start_offset` (s in its activity) tells efforts of one activity that overlap
    apart.
    """

    duration_seconds: float
    power_watts: float
    day: date | None = None
    activity_id: str | None = None
    start_offset: float | None = None


@dataclass(frozen=True, slots=True)
class SpeedEffort:
    """A best time over a distance."""

    distance_meters: float
    seconds: float
    day: date | None = None
    activity_id: str | None = None
    start_offset: float | None = None


@dataclass(frozen=True, slots=True)
class Influence:
    """What an effort does to the threshold. `change`: threshold without it less threshold with it, in the threshold's
    unit; None where there would be no answer without it. `leaves_on`: the first day whose window of 90 days is without
    it.
    """

    change: float | None
    leaves_on: date | None = None


@dataclass(frozen=True, slots=True)
class NextEffort:
    """The maximal effort that would narrow the threshold's interval most: how long, what the fit expects of it (W or
    m/s), and the half-width of the interval if it comes out so.
    """

    seconds: float
    value: float
    half_width: float


@dataclass(frozen=True, slots=True)
class CriticalPowerFit:
    """CP in W and W' in J by the inverse-time form, with standard errors and 90 % intervals.

    `forms`: the parameters by inverse_time, work_time and hyperbolic. `efforts`: those that carry the fit,
    `weights` (0..1) how much each does: one well below the others' curve was not maximal and pulls less.
    `r_squared` is of power against 1/time. `influence` is of each of `efforts`; `three_parameters` is Morton's model
    where there are efforts under 2 min and they set one.
    """

    cp_watts: float
    w_prime_joules: float
    cp_se: float
    w_prime_se: float
    cp_interval: tuple[float, float]
    w_prime_interval: tuple[float, float]
    forms: Mapping[str, Parameters]
    efforts: tuple[PowerEffort, ...]
    weights: tuple[float, ...]
    r_squared: float
    influence: tuple[Influence, ...] = ()
    next_effort: NextEffort | None = None
    three_parameters: ThreeParameters | None = None


@dataclass(frozen=True, slots=True)
class CriticalSpeedFit:
    """CS in m/s and D' in m by the inverse-time form; the rest as for `CriticalPowerFit`."""

    cs_mps: float
    d_prime_meters: float
    cs_se: float
    d_prime_se: float
    cs_interval: tuple[float, float]
    d_prime_interval: tuple[float, float]
    forms: Mapping[str, Parameters]
    efforts: tuple[SpeedEffort, ...]
    weights: tuple[float, ...]
    r_squared: float
    influence: tuple[Influence, ...] = ()
    next_effort: NextEffort | None = None


def fit_critical_power(efforts: Sequence[PowerEffort]) -> CriticalPowerFit | Refusal:
    """Fit P = CP + W'/t to the maximal efforts among those given, or say why that cannot be done.

    Used are distinct efforts of 2 to 20 min, at least three, spanning a ratio of 2, one of 10 min or more; shorter ones
    for the three-parameter model alone.
    Monod and Scherrer 1965; inverse-time form after Whipp et al. 1982; rules after Vanhatalo, Jones, Burnley
    2011, doi 10.1123/ijspp.6.1.128.
    """
    candidates = [Candidate(e.duration_seconds, e.power_watts, e.day, e.activity_id, e.start_offset) for e in efforts]
    chosen = select(candidates, _POWER_RULES)
    if isinstance(chosen, Refusal):
        return chosen
    checked = _checked_line(candidates, chosen, _POWER_RULES, "Critical Power", "power")
    if isinstance(checked, Refusal):
        return checked
    chosen, line, without = checked
    seconds, watts = _columns(candidates, chosen)
    return CriticalPowerFit(
        line.limit, line.capacity, line.limit_se, line.capacity_se, line.limit_interval, line.capacity_interval,
        forms_of(seconds, watts, line), tuple(efforts[i] for i in chosen), line.weights, line.r_squared,
        _influence(line, without, [efforts[i].day for i in chosen]), _next_effort(line, seconds, _POWER_RULES),
        _three_parameters(candidates, seconds, watts),
    )  # fmt: skip


def fit_critical_speed(
    distances_m: Sequence[float] | FloatArray,
    seconds: Sequence[float] | FloatArray,
    days: Sequence[date | None] | None = None,
    activity_ids: Sequence[str | None] | None = None,
    start_offsets: Sequence[float | None] | None = None,
) -> CriticalSpeedFit | Refusal:
    """Fit v = CS + D'/t to best times (k,) in s over distances (k,) in m of 800 m to 10 km and 2 to 30 min,
    or say why not.

    Rules as for power. Hughson, Orok, Staudt 1984, Int J Sports Med 5; Jones et al. 2010, doi
    10.1249/MSS.0b013e3181d9cf7f.
    """
    n = len(distances_m)
    given = [
        SpeedEffort(
            float(distances_m[i]),
            float(seconds[i]),
            days[i] if days else None,
            activity_ids[i] if activity_ids else None,
            start_offsets[i] if start_offsets else None,
        )
        for i in range(n)
    ]
    low, high = _SPEED_METERS
    efforts = [e for e in given if e.seconds > 0 and low <= e.distance_meters <= high]
    candidates = [
        Candidate(e.seconds, e.distance_meters / e.seconds, e.day, e.activity_id, e.start_offset) for e in efforts
    ]
    chosen = select(candidates, _SPEED_RULES)
    if isinstance(chosen, Refusal):
        return chosen
    checked = _checked_line(candidates, chosen, _SPEED_RULES, "Critical Speed", "speed")
    if isinstance(checked, Refusal):
        return checked
    chosen, line, without = checked
    t, speed = _columns(candidates, chosen)
    return CriticalSpeedFit(
        line.limit, line.capacity, line.limit_se, line.capacity_se, line.limit_interval, line.capacity_interval,
        forms_of(t, speed, line), tuple(efforts[i] for i in chosen), line.weights, line.r_squared,
        _influence(line, without, [efforts[i].day for i in chosen]), _next_effort(line, t, _SPEED_RULES),
    )  # fmt: skip


def critical_swim_speed(d1: float, t1: float, d2: float, t2: float) -> float | Refusal:
    """CSS in m/s = (d2 - d1)/(t2 - t1) of two maximal swims in m and s. Wakayoshi et al. 1992, Eur J Appl
    Physiol 64.

    >>> round(critical_swim_speed(200, 170, 400, 360), 4)
    1.0526
    """
    (d1, t1), (d2, t2) = sorted(((d1, t1), (d2, t2)))
    if not (d2 > d1 > 0 and t2 > t1 > 0):
        return Refusal("Critical Swim Speed needs two distances, the longer taking more time")
    speed = (d2 - d1) / (t2 - t1)
    if speed > d2 / t2 * (1 + 1e-9):
        return Refusal(f"the {d1:.0f} m swim was slower than the pace of the {d2:.0f} m: it was not maximal")
    reserve = d1 - speed * t1
    if reserve > _MOST_SWIM_RESERVE_METERS:
        return Refusal(
            f"the {d2:.0f} m swim was so much slower than the {d1:.0f} m that {reserve:.0f} m would be reserve: it was "
            "not maximal, or its time holds rests"
        )
    return speed


def fit_critical_swim_speed(best_seconds: Mapping[float, float]) -> float | Refusal:
    """CSS in m/s from best times in s by distance in m: 400 m against 200 m, else the nearest pair that there
    is.
    """
    for short, long in ((200.0, 400.0), (100.0, 400.0), (400.0, 800.0), (200.0, 800.0), (400.0, 1500.0)):
        if short in best_seconds and long in best_seconds:
            return critical_swim_speed(short, best_seconds[short], long, best_seconds[long])
    return Refusal("no pair of best swims such as 200 m and 400 m")


def ftp_from_20min(best_20min_watts: float) -> float:
    """Functional threshold power in W as 0.95 x the best 20 min. Allen and Coggan 2006."""
    return _FTP_SHARE * best_20min_watts


def _columns(candidates: Sequence[Candidate], chosen: Sequence[int]) -> tuple[FloatArray, FloatArray]:
    return (
        np.array([candidates[i].seconds for i in chosen], dtype=np.float64),
        np.array([candidates[i].value for i in chosen], dtype=np.float64),
    )


def _influence(line: Line, without: FloatArray, days: Sequence[date | None]) -> tuple[Influence, ...]:
    return tuple(
        Influence(
            float(limit) - line.limit if np.isfinite(limit) else None,
            day + timedelta(days=_WINDOW_DAYS) if day is not None else None,
        )
        for limit, day in zip(without.tolist(), days, strict=True)
    )


def _next_effort(line: Line, seconds: FloatArray, rules: Rules) -> NextEffort:
    weights = np.asarray(line.weights)
    grid = [float(s) for s in _NEXT_SECONDS if rules.shortest_seconds <= s <= rules.longest_seconds]
    best = min(grid, key=lambda s: half_width_with(seconds, weights, s))
    # The same scatter, and the same widening, with one effort more.
    now = (line.limit_interval[1] - line.limit_interval[0]) / 2
    without = half_width_with(seconds, weights, best)
    return NextEffort(best, line.limit + line.capacity / best, now * without / half_width_with(seconds, weights, None))


def _three_parameters(
    candidates: Sequence[Candidate], seconds: FloatArray, watts: FloatArray
) -> ThreeParameters | None:
    """Morton's model on the chosen efforts and the best of each shorter duration."""
    short: dict[float, float] = {}
    for c in candidates:
        if 1.0 <= c.seconds < _POWER_RULES.shortest_seconds and np.isfinite(c.value) and c.value > watts.max():
            short[c.seconds] = max(c.value, short.get(c.seconds, 0.0))
    if not short:
        return None
    found = fit_three_parameters([*short, *seconds.tolist()], [*short.values(), *watts.tolist()])
    return None if isinstance(found, Refusal) else found


_Chosen = tuple[int, ...]


def _checked_line(
    candidates: Sequence[Candidate], envelope: _Chosen, rules: Rules, what: str, channel: str
) -> tuple[_Chosen, Line, FloatArray] | Refusal:
    """The efforts that carry the line, the line, and its limit without each effort (k,)."""
    found = _line_with_companions(candidates, envelope, rules)
    if isinstance(found, Refusal):
        return found
    chosen, narrow, tolerated = found
    without = leave_one_out(*_columns(candidates, chosen), tolerated)
    line = widened(narrow, without)
    for one, widest in ((narrow, _WIDEST_HALF_INTERVAL), (line, _WIDEST_WIDENED)):
        half_width = one.limit - one.limit_interval[0]
        if line.capacity > 0 and line.limit > 0 and not half_width <= widest * line.limit:
            return Refusal(
                f"the efforts do not agree well enough: {what} is known to no better than "
                f"{100 * min(half_width / line.limit, 9.99):.0f} % either way"
            )
    if line.capacity <= 0:
        return Refusal(f"{channel} does not fall with duration: the short efforts were not maximal")
    if line.limit <= 0:
        return Refusal(f"{what} would not be above zero: the long efforts were not maximal")
    if sum(line.weights) < _LEAST_WEIGHT and line.scatter > _AGREEMENT:
        return Refusal(
            f"too few maximal efforts: {sum(line.weights):.1f} agree, and only within {100 * line.scatter:.1f} %"
        )
    return chosen, line, without[0]


def _line_with_companions(
    candidates: Sequence[Candidate], envelope: _Chosen, rules: Rules
) -> tuple[_Chosen, Line, float] | Refusal:
    """The line through the best efforts, then through all that lie near it; with the share below it that is tolerated.

    How near is by the efforts' own scatter: 2.5 times, between 3 and 6 %.
    """
    chosen, tolerated, apart = envelope, TOLERATED, distinct(candidates, rules)
    line = robust_line(*_columns(candidates, chosen))
    for _ in range(_ROUNDS):
        if isinstance(line, Refusal):
            return line
        band = min(max(_BAND[0], _BAND_SCATTERS * line.scatter), _BAND[1])
        more = companions(candidates, envelope, rules, (line.limit, line.capacity), band, apart)
        if len(more) == len(envelope):
            break
        wider = max(TOLERATED, min(_TOLERATED_SCATTERS * line.scatter, _MOST_TOLERATED))
        found = robust_line(*_columns(candidates, more), wider)
        if isinstance(found, Refusal):
            break
        chosen, line, tolerated = more, found, wider
    return line if isinstance(line, Refusal) else (chosen, line, tolerated)
