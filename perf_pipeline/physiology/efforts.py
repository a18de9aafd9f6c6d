"""Best efforts of one activity, exact by interpolation on the real timestamps (docs/science.md section 1)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.formats.model import Session
from perf_pipeline.physiology.bounds import (
    POWER_DURATIONS_SECONDS,
    SPEED_DURATIONS_SECONDS,
    bounds_of,
    power_ceiling_watts,
    speed_ceiling_mps,
)
from perf_pipeline.physiology.cleaning import Anomaly, CleanStreams
from perf_pipeline.physiology.lengths import hasty_lengths, lengths_track
from perf_pipeline.physiology.timeline import Timeline, Timelines
from perf_pipeline.physiology.windows import best_time, best_windows

FloatArray = NDArray[np.float64]

CONFIRMED, CANDIDATE, REJECTED = "confirmed", "candidate", "rejected"
_POWER_CHANNELS = ("power_watts",)
_DISTANCE_CHANNELS = ("distance_meters", "latitude_degrees", "time")
_FILLED_SHARE = 0.05
_EPS = 1e-9
_JUMP_SECONDS = {"distance_jump": 10.0}
"""Where the distance jumps it wanders: what lies between two jumps is as doubtful as they are."""


@dataclass(frozen=True, slots=True)
class Effort:
    """The best of one duration or distance in an activity.

    `effort_type`: power (W), speed (m/s) or pace (s/km, s/100m). `duration_seconds`: of the window; for a
    distance effort the elapsed time, rounded up as clocks of races do. `start_offset`: whole seconds since
    the activity's start. `distance_meters`: for distance efforts alone. `grade`: confirmed, candidate or
    rejected; `evidence` says why.
    """

    effort_type: str
    duration_seconds: int
    value: float
    unit: str
    start_offset: int
    distance_meters: float | None = None
    grade: str = CONFIRMED
    evidence: Mapping[str, object] = field(default_factory=dict)


def best_efforts(
    clean: CleanStreams, session: Session | None = None, lines: Timelines | None = None
) -> tuple[Effort, ...]:
    """All best efforts of the activity: power, speed, and pace over the sport's distances.

    `session` adds what the records do not hold: the lengths of a pool swim. `lines` spares building them again.
    """
    lines = lines or Timelines(clean)
    by_duration = (*_coherent(_power_efforts(lines)), *_coherent(_speed_efforts(lines)))
    return (*by_duration, *_distance_efforts(clean, session))


def _coherent(efforts: list[Effort]) -> list[Effort]:
    """Reject what adds up to less than a shorter effort did.

    A long window fits only where no pause cuts the stream; where that is the easy part of the activity its
    mean is true, but it is no best: the athlete did more in less time.
    """
    most = 0.0
    out: list[Effort] = []
    for effort in efforts:
        total = effort.value * effort.duration_seconds
        if total < most * (1 - _EPS):
            reasons = ["less_than_a_shorter_effort", *effort.evidence.get("reasons", [])]  # type: ignore[misc]
            out.append(replace(effort, grade=REJECTED, evidence={**effort.evidence, "reasons": reasons}))
        else:
            out.append(effort)
        most = max(most, total)
    return out


def _power_efforts(lines: Timelines) -> list[Effort]:
    clean, line = lines.clean, lines.power()
    if line is None:
        return []
    found = zip(POWER_DURATIONS_SECONDS, best_windows(line, POWER_DURATIONS_SECONDS), strict=True)
    return [power_effort(clean, line, duration, best) for duration, best in found if best is not None and best[0] > 0]


def power_effort(clean: CleanStreams, line: Timeline, duration: int, best: tuple[float, float]) -> Effort:
    """A window's mean power in W and first second as a graded effort."""
    value, start = best
    reasons = _doubts(clean.anomalies, _POWER_CHANNELS, start, start + duration) + _filled(line, start, duration)
    impossible = value > power_ceiling_watts(duration)
    return _effort("power", duration, value, "W", start=start, reasons=reasons, impossible=impossible)


def _speed_efforts(lines: Timelines) -> list[Effort]:
    clean, line = lines.clean, lines.distance()
    if line is None:
        return []
    found = zip(SPEED_DURATIONS_SECONDS, best_windows(line, SPEED_DURATIONS_SECONDS), strict=True)
    return [speed_effort(clean, duration, best) for duration, best in found if best is not None and best[0] > 0]


def speed_effort(clean: CleanStreams, duration: int, best: tuple[float, float]) -> Effort:
    """A window's mean speed in m/s and first second as a graded effort."""
    value, start = best
    reasons = _doubts(clean.anomalies, _DISTANCE_CHANNELS, start, start + duration)
    impossible = value > speed_ceiling_mps(clean.sport, value * duration)
    return _effort("speed", duration, value, "m/s", start=start, reasons=reasons, impossible=impossible)


def _distance_efforts(clean: CleanStreams, session: Session | None) -> list[Effort]:
    bounds = bounds_of(clean.sport)
    if not bounds.distances_meters:
        return []
    track = lengths_track(session, clean.start_ms) if session is not None else None
    source = "lengths" if track is not None else clean.distance_source
    if track is None:
        track = _distance_track(clean)
    if track is None:
        return []
    seconds, meters = track
    hasty = hasty_lengths(session, clean.start_ms) if session is not None else []
    efforts = []
    for distance in bounds.distances_meters:
        found = best_time(seconds, meters, distance)
        if found is None:
            break
        taken, start = found
        if taken <= 0:
            continue
        reasons = _doubts(clean.anomalies, _DISTANCE_CHANNELS, start, start + taken)
        if any(begin < start + taken and end > start for begin, end in hasty):
            reasons.append("hasty_length")
        effort = _effort(
            "pace",
            math.ceil(taken - 1e-6),
            taken * bounds.pace_meters / distance,
            bounds.pace_unit,
            start=start,
            distance=distance,
            reasons=reasons,
            impossible=distance / taken > speed_ceiling_mps(clean.sport, distance),
            extra={
                "elapsed_seconds": round(taken, 3),
                "time": "elapsed, pauses included",
                "paused_seconds": round(_paused(clean.pauses, start, start + taken), 1),
                "distance_source": source,
            },
        )
        efforts.append(effort)
    return efforts


def _distance_track(clean: CleanStreams) -> tuple[FloatArray, FloatArray] | None:
    meters = clean.get("distance_meters")
    if meters is None:
        return None
    known = np.isfinite(meters)
    t, d = clean.seconds[known], meters[known]
    if len(t) and d[0] > 0 and t[0] > 0:
        t, d = np.concatenate(([0.0], t)), np.concatenate(([0.0], d))
    return (t, d) if len(t) >= 2 else None


def _paused(pauses: Sequence[tuple[float, float]], first: float, last: float) -> float:
    return sum(max(0.0, min(end, last) - max(begin, first)) for begin, end in pauses)


def _doubts(anomalies: Sequence[Anomaly], channels: tuple[str, ...], first: float, last: float) -> list[str]:
    """The kinds of anomaly in these channels that touch the window; a dropout casts none, it can only lower a best."""
    return sorted(
        {
            a.kind
            for a in anomalies
            if a.kind != "dropout"
            and a.channel in channels
            and a.first_second <= last + _JUMP_SECONDS.get(a.kind, 0.0)
            and a.last_second >= first - _JUMP_SECONDS.get(a.kind, 0.0)
        }
    )


def _filled(line: Timeline, start: float, duration: float) -> list[str]:
    """Doubt where over 5 % of the window was filled in."""
    if not line.filled.any():
        return []
    first = int(np.searchsorted(line.starts + line.widths, start + _EPS, "right"))
    stop = int(np.searchsorted(line.starts, start + duration - _EPS, "left"))
    share = float(line.widths[first:stop][line.filled[first:stop]].sum()) / duration
    return ["gaps_filled"] if share > _FILLED_SHARE else []


def _effort(
    kind: str,
    duration: int,
    value: float,
    unit: str,
    *,
    start: float,
    reasons: list[str],
    impossible: bool,
    distance: float | None = None,
    extra: Mapping[str, object] | None = None,
) -> Effort:
    if impossible:
        grade, reasons = REJECTED, ["beyond_human", *reasons]
    else:
        grade = CANDIDATE if reasons else CONFIRMED
    evidence: dict[str, object] = {"start_seconds": round(start, 3), **(extra or {})}
    if reasons:
        evidence["reasons"] = reasons
    return Effort(kind, duration, value, unit, max(math.floor(start + 1e-6), 0), distance, grade, evidence)
