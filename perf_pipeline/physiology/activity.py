"""What an activity was, in a few numbers: durations, distance, climbing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.formats.model import Session
from perf_pipeline.physiology.bounds import SMART_RECORDING_SECONDS, bounds_of
from perf_pipeline.physiology.cleaning import CleanStreams
from perf_pipeline.physiology.grade import elevation_gain_meters
from perf_pipeline.physiology.lengths import pool_lengths, swum_seconds

FloatArray = NDArray[np.float64]
_LONGEST_SECONDS = 60 * 86_400.0
_HOUR_SECONDS = 3600.0
_NIGHT_SECONDS = 12 * 3600.0
_CLOCK_SLACK_SECONDS = 5.0
_LONGEST_REST_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class ActivitySummary:
    """`duration_seconds` is the timer's (pauses left out), `elapsed_seconds` the wall clock's,
    `moving_seconds` by docs/science.md section 2.

    `source`: records, lengths, or device where only the device's own summary was there.
    """

    duration_seconds: float
    moving_seconds: float
    elapsed_seconds: float
    distance_meters: float | None = None
    elevation_gain_meters: float | None = None
    temperature_celsius: float | None = None
    source: str = "records"


def summarise(session: Session, clean: CleanStreams) -> ActivitySummary:
    """Summarise a session from its records; without usable ones from its lengths or the device's own summary."""
    if len(clean) < 2:
        return _from_device(session)
    elapsed = _elapsed(session, clean)
    hours, nights = _silences(clean)
    running = elapsed - sum(max(0.0, min(end, elapsed) - begin) for begin, end in clean.pauses) - hours - nights
    dt = _running_steps(clean)
    rest = sum(end - begin for begin, end in clean.pauses if end - begin <= _LONGEST_REST_SECONDS)
    longest = min(elapsed, running + rest + hours)
    duration = _timer(running, longest, float(dt.sum()), session.summary.get("duration_seconds"))
    pool = pool_lengths(session)
    swum = swum_seconds(session)
    moving = swum if swum is not None else _moving(clean, dt, duration)
    meters = clean.get("distance_meters")
    distance: float | None = float(np.nanmax(meters)) if meters is not None else None
    source = "records"
    if pool is not None:
        distance, source = len(pool[0]) * pool[1], "lengths"
    else:
        unseen = elapsed - float(clean.seconds[-1])
        most = bounds_of(clean.sport).max_speed_mps * unseen if unseen > SMART_RECORDING_SECONDS else 0.0
        distance = _total(distance, session.summary.get("distance_meters"), most)
    temperature = clean.get("temperature_celsius")
    return ActivitySummary(
        duration_seconds=duration,
        moving_seconds=min(moving, duration),
        elapsed_seconds=max(elapsed, duration),
        distance_meters=distance,
        elevation_gain_meters=elevation_gain_meters(clean),
        temperature_celsius=float(np.nanmean(temperature)) if temperature is not None else None,
        source=source,
    )


def _timer(running: float, longest: float, recorded: float, said: float | None) -> float:
    """The device's timer where the records bear it out, else the time without pauses.

    Records and events are stamped in whole seconds, short auto-pauses leave no event, and rest at the wall is
    a pause to some devices and not to others: the timer knows. It cannot have run longer than the activity
    and its rests, `longest`, nor much shorter than there are records.
    """
    timer = _sane(said)
    slack = max(10.0, 0.01 * longest)
    return timer if timer and 0.99 * recorded - 10.0 <= timer <= longest + slack else running


def _total(ours: float | None, said: float | None, most: float) -> float | None:
    """The device's distance where it is within 2 % of ours, or more by at most `most` (what no record covers).

    It adds up every second of which a record is a sample; beyond that the cleaned records are believed. A zero is
    what devices and writers put where they have none: it is no word where the records tell of more.
    """
    total = _sane(said)
    if ours is None or not total:
        return total if ours is None else ours
    return total if abs(total - ours) <= 0.02 * ours or ours <= total <= ours + most else ours


def _elapsed(session: Session, clean: CleanStreams) -> float:
    """Up to the session's own end where that is credible: the last record may come long before it.

    Credible is an end up to 10 s after the last record or pause, or one that the device counted, where that
    adds no more than an hour or the length of what was recorded.
    """
    last = float(clean.seconds[-1])
    known = max(last, max((stop for _, stop in clean.pauses), default=0.0))
    end = (session.end_ms - clean.start_ms) / 1000.0
    said = _sane(session.summary.get("elapsed_seconds"))
    counted = said is not None and abs(said - end) <= _CLOCK_SLACK_SECONDS
    limit = known + (max(_HOUR_SECONDS, last) if counted else SMART_RECORDING_SECONDS)
    return end if last <= end <= limit else max(last, min(known, end))


def _from_device(session: Session) -> ActivitySummary:
    """The device's own word, with its durations checked against each other."""
    said = session.summary
    swum = swum_seconds(session)
    between = max((session.end_ms - session.start_ms) / 1000.0, 0.0)
    elapsed = _sane(said.get("elapsed_seconds")) or (between if between <= _LONGEST_SECONDS else 0.0)
    duration = _sane(said.get("duration_seconds")) or elapsed
    moving = swum if swum is not None else _sane(said.get("moving_seconds")) or duration
    pool = pool_lengths(session)
    distance = _sane(said.get("distance_meters"))
    return ActivitySummary(
        duration_seconds=duration,
        moving_seconds=min(moving, duration) if duration else moving,
        elapsed_seconds=max(elapsed, duration),
        distance_meters=len(pool[0]) * pool[1] if pool is not None else distance,
        elevation_gain_meters=_sane(said.get("elevation_gain_meters")),
        temperature_celsius=_finite(said.get("mean_temperature_celsius")),
        source="lengths" if pool is not None else "device",
    )


def _moving(clean: CleanStreams, dt: FloatArray, duration: float) -> float:
    """Seconds faster than the sport's threshold, or with a turning crank indoors; all of it where nothing
    tells.
    """
    speed, cadence, power = clean.get("speed_mps"), clean.get("cadence_rpm"), clean.get("power_watts")
    indoors = clean.get("latitude_degrees") is None
    if speed is None and cadence is None and power is None:
        return duration
    moving = np.zeros(len(clean), dtype=bool)
    if speed is not None:
        moving |= np.nan_to_num(speed) > bounds_of(clean.sport).moving_speed_mps
    if indoors:
        for channel in (cadence, power):
            if channel is not None:
                moving |= np.nan_to_num(channel) > 0
    return float(dt[moving].sum())


def _running_steps(clean: CleanStreams) -> FloatArray:
    """Seconds of each row's interval outside pauses; 0 for an interval of over 10 s, which nothing recorded."""
    dt = np.diff(clean.seconds, prepend=0.0)
    return np.where(dt <= SMART_RECORDING_SECONDS, dt - _paused_part(clean, dt), 0.0)


def _silences(clean: CleanStreams) -> tuple[float, float]:
    """Seconds outside pauses in silences of over an hour, and in those of over 12 h.

    Who wrote nothing for an hour had stopped, unless the device's timer says otherwise; no timer runs through a night.
    """
    dt = np.diff(clean.seconds, prepend=0.0)
    if not (dt > _HOUR_SECONDS).any():
        return 0.0, 0.0
    silent = dt - _paused_part(clean, dt)
    night = silent > _NIGHT_SECONDS
    return float(silent[(silent > _HOUR_SECONDS) & ~night].sum()), float(silent[night].sum())


def _paused_part(clean: CleanStreams, dt: FloatArray) -> FloatArray:
    """How much of each row's interval lies in a pause."""
    t = clean.seconds
    out = np.zeros(len(t))
    for begin, end in clean.pauses:
        first, stop = np.searchsorted(t, begin, "right"), np.searchsorted(t, end, "left") + 1
        rows = slice(int(first), int(stop))
        out[rows] += np.maximum(np.minimum(t[rows], end) - np.maximum(t[rows] - dt[rows], begin), 0.0)
    return np.minimum(out, dt)


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None


def _sane(value: float | None) -> float | None:
    finite = _finite(value)
    return finite if finite is not None and finite >= 0 else None
