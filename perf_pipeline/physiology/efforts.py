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

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

CONFIRMED, CANDIDATE, REJECTED = "confirmed", "candidate", "rejected"
_POWER_CHANNELS = ("power_watts",)
_DISTANCE_CHANNELS = ("distance_meters", "latitude_degrees", "time")
_FILLED_SHARE = 0.05
_WORTH_A_GRID = 40
_WORTH_BLOCKS = 400
_BLOCK_ROWS = 24
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


def best_window(line: Timeline, duration_seconds: float) -> tuple[float, float] | None:
    """Highest mean over a window of the duration inside one segment, and its first second.

    None where no segment is long enough.
    """
    return best_windows(line, (duration_seconds,))[0]


def best_windows(line: Timeline, durations: Sequence[float]) -> list[tuple[float, float] | None]:
    """For each duration in s the highest mean over a window inside one segment, and its first second.

    The window's sum is piecewise linear in its position, so the best begins or ends at an edge of a piece:
    both are tried, or on a grid of whole seconds one, which is then the other as well.
    """
    if len(line) == 0:
        return [None] * len(durations)
    if line.whole_seconds and all(float(d).is_integer() for d in durations):
        seconds = _Seconds.of(line)
        return [seconds.best(int(d)) for d in durations]
    knots = _knots(line)
    grid = _SecondGrid.over(knots) if len(durations) >= _WORTH_A_GRID and line.values.min() >= 0 else None
    return [_best_interpolated(knots, float(d), grid) for d in durations]


@dataclass(frozen=True, slots=True)
class _Seconds:
    """The running sum of pieces of 1 s (n + 1,), for windows that begin and end at an edge.

    `opening` and `closing` are that sum less a toll for each gap passed so far, as seen by a window that begins and by
    one that ends at the edge: a window over a gap is found to be worth less than any other, without looking for gaps.
    """

    line: Timeline
    total: FloatArray
    opening: FloatArray
    closing: FloatArray
    sums: FloatArray

    @staticmethod
    def of(line: Timeline) -> _Seconds:
        total = np.concatenate(([0.0], np.cumsum(line.values)))
        sums = np.empty_like(total)  # one for all durations: new pages cost more than the sums
        if line.segments[0] == line.segments[-1]:
            return _Seconds(line, total, total, total, sums)
        toll = (1.0 + 2.0 * float(np.abs(line.values).sum())) * (line.segments - line.segments[0])
        opening, closing = total.copy(), total.copy()
        opening[:-1] -= toll
        closing[1:] -= toll
        return _Seconds(line, total, opening, closing, sums)

    def best(self, width: int) -> tuple[float, float] | None:
        windows = len(self.total) - width
        if windows < 1 or width < 1:
            return None
        sums = np.subtract(self.closing[width:], self.opening[:windows], out=self.sums[:windows])
        best = int(sums.argmax())
        if self.line.segments[best] != self.line.segments[best + width - 1]:
            return None
        return float(self.total[best + width] - self.total[best]) / width, float(self.line.starts[best])


_Knots = tuple[FloatArray, FloatArray, NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class _SecondGrid:
    """The running sum on whole seconds since the first knot: tells which seconds a best may begin in.

    `total` (m,); `segment` (m,), -1 in a gap. Of channels that are never negative.
    """

    total: FloatArray
    segment: NDArray[np.int64]

    @staticmethod
    def over(knots: _Knots) -> _SecondGrid | None:
        """None where the gaps are so long that a row per second would be dear."""
        t, total, segment = knots
        if t[-1] - t[0] > 4 * len(t) + 3600:
            return None
        clock = t[0] + np.arange(np.ceil(t[-1] - t[0]) + 1.0)
        right = np.clip(np.searchsorted(t, clock, "left"), 1, len(t) - 1)
        inside = (segment[right] == segment[right - 1]) & (clock <= t[-1])
        return _SecondGrid(np.interp(clock, t, total), np.where(inside, segment[right], -1))

    def promising(self, width: float) -> BoolArray | None:
        """Seconds in which a window may begin that is at least as good as the best on whole seconds; None: all."""
        whole = int(width)
        if whole != width or whole >= len(self.total):
            return None
        sums = self.total[whole:] - self.total[:-whole]
        real = (self.segment[whole:] == self.segment[:-whole]) & (self.segment[:-whole] >= 0)
        if not real.any():
            return None
        last = len(self.total) - 1
        most = self.total[np.minimum(np.arange(1, last + 2) + whole, last)] - self.total
        keep = most >= float(sums[real].max()) * (1 - _EPS)
        # A second to either side, for what rounding puts across an edge.
        keep[1:] |= keep[:-1].copy()
        keep[:-1] |= keep[1:].copy()
        return np.asarray(keep)


def _best_interpolated(knots: _Knots, width: float, grid: _SecondGrid | None) -> tuple[float, float] | None:
    t, total, segment = knots
    keep = grid.promising(width) if grid is not None else None
    first, last = _promising_knots(t, width, keep)
    # Begins at a knot: the end lies between knots j - 1 and j.
    target = t[first] + width
    j = np.minimum(np.searchsorted(t, target - _EPS, "left"), len(t) - 1)
    ok = (segment[j] == segment[first]) & (t[j] >= target - _EPS)
    starts_after = t[first][ok]
    sums_after = _at(t, total, j[ok], target[ok]) - total[first][ok]
    # Ends at a knot: the start lies between knots i and i + 1.
    target = t[last] - width
    i = np.maximum(np.searchsorted(t, target + _EPS, "right") - 1, 0)
    ok = (segment[i] == segment[last]) & (t[i] <= target + _EPS)
    sums_before = total[last][ok] - _at(t, total, np.minimum(i[ok] + 1, len(t) - 1), target[ok])
    sums = np.concatenate((sums_after, sums_before))
    if len(sums) == 0:
        return None
    best = int(np.argmax(sums))
    return float(sums[best]) / width, float(np.concatenate((starts_after, target[ok]))[best])


def _promising_knots(
    t: FloatArray, width: float, keep: BoolArray | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Knots at which a best window may begin, and at which one may end."""
    if keep is None:
        everything = np.arange(len(t))
        return everything, everything
    begins = (t - t[0]).astype(np.int64)
    ends = np.floor(t - width - t[0]).astype(np.int64)
    return np.flatnonzero(keep[begins]), np.flatnonzero((ends >= -1) & keep[np.maximum(ends, 0)])


def _knots(line: Timeline) -> _Knots:
    """Edges of the pieces with the running sum and the segment, one edge more than pieces in each segment."""
    at = np.flatnonzero(np.concatenate(([True], np.diff(line.segments) != 0)))
    ends = line.starts + line.widths
    total = np.cumsum(line.widths * line.values)
    before = np.concatenate(([0.0], total[:-1]))
    t = np.insert(ends, at, line.starts[at])
    return t, np.insert(total, at, before[at]), np.insert(line.segments, at, line.segments[at])


def _at(t: FloatArray, total: FloatArray, right: NDArray[np.int64], x: FloatArray) -> FloatArray:
    """The running sum at x, which lies at or left of knot `right`."""
    left = np.maximum(right - 1, 0)
    span = t[right] - t[left]
    share = np.divide(x - t[left], span, out=np.ones_like(x), where=span > 0)
    return np.asarray(total[left] + (total[right] - total[left]) * np.clip(share, 0.0, 1.0))


def best_time(seconds: FloatArray, meters: FloatArray, distance: float) -> tuple[float, float] | None:
    """Shortest elapsed time in which the distance was covered, and its first second; None where it never was.

    `seconds` (n,) strictly increasing, `meters` (n,) never falling. Linear between the knots; windows that
    begin at a knot and windows that end at one are tried, which is exact for a piecewise linear course.
    """
    if len(meters) < 2 or meters[-1] - meters[0] < distance - _EPS:
        return None
    begins, ends = _promising_rows(seconds, meters, distance)
    begins = begins[meters[begins] + distance <= meters[-1] + _EPS]
    ends = ends[meters[ends] - distance >= meters[0] - _EPS]
    target = meters[begins] + distance
    j = np.clip(np.searchsorted(meters, target - _EPS, "left"), 1, len(meters) - 1)
    taken_after = _when(seconds, meters, j, target) - seconds[begins]
    target = meters[ends] - distance
    i = np.clip(np.searchsorted(meters, target + _EPS, "right"), 1, len(meters) - 1)
    starts_before = _when(seconds, meters, i, target)
    taken = np.concatenate((taken_after, seconds[ends] - starts_before))
    best = int(np.argmin(taken))
    return float(taken[best]), float(np.concatenate((seconds[begins], starts_before))[best])


def _promising_rows(seconds: FloatArray, meters: FloatArray, distance: float) -> tuple[IntArray, IntArray]:
    """Rows at which a best window may begin, and at which one may end: all of a short course.

    In a block of rows no window begins before its first row in place nor after its last in time, which bounds its time
    from below; from above the windows that begin at the blocks' first rows bound the best.
    """
    everything = np.arange(len(meters))
    if len(meters) < _WORTH_BLOCKS:
        return everything, everything
    edges = np.append(everything[:-1:_BLOCK_ROWS], len(meters) - 1)
    first, last = edges[:-1], edges[1:]
    target = meters[first] + distance
    reached = target <= meters[-1] + _EPS
    first, last, target = first[reached], last[reached], target[reached]
    j = np.clip(np.searchsorted(meters, target - _EPS, "left"), 1, len(meters) - 1)
    arrived = _when(seconds, meters, j, target)
    keep = arrived - seconds[last] <= float((arrived - seconds[first]).min()) + _EPS
    low = np.maximum(np.searchsorted(meters, target[keep] - _EPS, "left") - 1, 0)
    high = np.searchsorted(meters, meters[last[keep]] + distance + _EPS, "right")
    return _covered(first[keep], last[keep], len(meters)), _covered(low, high, len(meters))


def _covered(first: IntArray, last: IntArray, n: int) -> IntArray:
    """The rows (of n) in any of the stretches from first to last, both in rising order."""
    change = np.bincount(first, minlength=n + 1)[: n + 1] - np.bincount(np.minimum(last + 1, n), minlength=n + 1)
    return np.flatnonzero(np.cumsum(change[:n]) > 0)


def _when(seconds: FloatArray, meters: FloatArray, right: NDArray[np.int64], x: FloatArray) -> FloatArray:
    left = right - 1
    span = meters[right] - meters[left]
    share = np.divide(x - meters[left], span, out=np.ones_like(x), where=span > 0)
    return np.asarray(seconds[left] + (seconds[right] - seconds[left]) * np.clip(share, 0.0, 1.0))


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
