"""Distance that can be believed: the device's own, made monotone; else from positions; else from speed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.bounds import SMART_RECORDING_SECONDS, bounds_of
from perf_pipeline.physiology.excursions import find_excursions

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

EARTH_RADIUS_METERS = 6_371_008.8
_RESET_METERS = 100.0
_POSITION_NOISE_METERS = 15.0
_LOST_SECONDS = 30.0
_STANDSTILL_SECONDS = 60.0
_SPEED_HALF_WINDOW_SECONDS = 2.5

Finding = tuple[str, str, BoolArray, str]


@dataclass(frozen=True, slots=True)
class DistanceResult:
    """`meters` (n,) float64, never falling, NaN where unknown; None without any distance. `findings`: kind,
    channel, mask over the rows, decision. `bad_positions` (n,) bool: positions that cannot be.
    """

    meters: FloatArray | None
    source: str = ""
    findings: tuple[Finding, ...] = ()
    bad_positions: BoolArray | None = None


def haversine_meters(lat1: FloatArray, lon1: FloatArray, lat2: FloatArray, lon2: FloatArray) -> FloatArray:
    """Great-circle distance between points in degrees, in metres; under 0.56 % from the ellipsoid's.

    Sinnott 1984, Virtues of the Haversine, Sky and Telescope 68.
    """
    p1, p2 = np.radians(lat1), np.radians(lat2)
    half = np.sin((p2 - p1) / 2) ** 2 + np.cos(p1) * np.cos(p2) * np.sin(np.radians(lon2 - lon1) / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS_METERS * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0))))


def clean_distance(
    sport: str,
    seconds: FloatArray,
    channels: Mapping[str, FloatArray],
    pauses: tuple[tuple[float, float], ...],
) -> DistanceResult:
    """The best distance that the channels give, all (n,) over `seconds`."""
    limit = bounds_of(sport).max_speed_mps
    positions = _position_steps(seconds, channels, limit)
    bad = positions[2] if positions else None
    findings: list[Finding] = []
    if bad is not None and bad.any():
        findings.append(("gps_jump", "latitude_degrees", bad, "position rejected: no athlete moves so"))
    else:
        bad = None
    own = channels.get("distance_meters")
    if own is not None and np.isfinite(own).sum() >= 2 and np.nanmax(own) > np.nanmin(own):
        meters, more = _from_device(own, seconds, limit)
        return DistanceResult(meters, "device", (*findings, *more), bad)
    if positions is not None and len(positions[0]) >= 2:
        meters, more = _from_positions(positions, seconds, pauses, limit)
        return DistanceResult(meters, "positions", (*findings, *more), bad)
    speed = channels.get("speed_mps")
    if speed is not None and np.isfinite(speed).sum() >= 2 and np.nanmax(speed) > 0:
        return DistanceResult(_from_speed(speed, seconds), "speed", tuple(findings), bad)
    return DistanceResult(None, "", tuple(findings), bad)


def _from_device(own: FloatArray, seconds: FloatArray, limit: float) -> tuple[FloatArray, list[Finding]]:
    findings: list[Finding] = []
    negative = own < 0
    if negative.any():
        findings.append(("negative_distance", "distance_meters", negative, "rejected: distance below zero"))
    rows = np.flatnonzero(np.isfinite(own) & ~negative)
    out = np.full(len(own), np.nan)
    if len(rows) == 0:
        return out, findings
    d, t = own[rows], seconds[rows]
    lone = _lone_glitches(d)
    if lone.any():
        findings.append(("distance_step", "distance_meters", _over(rows[lone], len(own)), "rejected: a lone value"))
        rows, d, t = rows[~lone], d[~lone], t[~lone]
    steps = np.diff(d)
    reset = steps < -_RESET_METERS
    if reset.any():
        mask = _over(rows[1:][reset], len(own))
        findings.append(("distance_step", "distance_meters", mask, "counted on: the device began again from less"))
        d = d - np.concatenate(([0.0], np.cumsum(np.where(reset, steps, 0.0))))
    d = np.maximum.accumulate(d)
    d, jumped = _without_jumps(d, t, limit)
    if jumped.any():
        mask = _over(rows[jumped], len(own))
        findings.append(("distance_jump", "distance_meters", mask, "evened out: faster than the sport allows"))
    # What was covered before the first record cannot have been faster than the sport either.
    if d[0] > limit * max(t[0], 1.0):
        d = d - d[0]
    out[rows] = d
    return out, findings


def _lone_glitches(d: FloatArray) -> BoolArray:
    """Single values far off although their neighbours agree."""
    lone = np.zeros(len(d), dtype=bool)
    if len(d) >= 3:
        before, after = np.diff(d)[:-1], np.diff(d)[1:]
        lone[1:-1] = (np.abs(before) > _RESET_METERS) & (before * after < 0) & (np.abs(before + after) < _RESET_METERS)
    return lone


def _without_jumps(d: FloatArray, t: FloatArray, limit: float) -> tuple[FloatArray, BoolArray]:
    """Spread a jump over the standstill before it, else replace it by the pace around it."""
    steps, dt = np.diff(d), np.diff(t)
    jumps = np.flatnonzero(steps > limit * np.maximum(dt, 1.0))
    flagged = np.zeros(len(d), dtype=bool)
    if len(jumps) == 0:
        return d, flagged
    steps = steps.copy()
    usual = float(np.median(steps / dt))
    usual = usual if usual <= limit else 0.0
    for k in jumps:
        first = k
        while first > 0 and steps[first - 1] == 0 and t[k] - t[first - 1] <= _STANDSTILL_SECONDS:
            first -= 1
        span = t[k + 1] - t[first]
        flagged[first + 1 : k + 2] = True
        if first < k and steps[k] <= limit * span:
            steps[first : k + 1] = steps[k] * dt[first : k + 1] / span
        else:
            near = steps[k - 1] / dt[k - 1] if k > 0 else usual
            steps[k] = min(near, limit) * dt[k]
    return d[0] + np.concatenate(([0.0], np.cumsum(steps))), flagged


def _position_steps(
    seconds: FloatArray, channels: Mapping[str, FloatArray], limit: float
) -> tuple[NDArray[np.int64], FloatArray, BoolArray] | None:
    """Rows with a credible position, the metres from the one before (n-1,), and the rows whose position is
    not.
    """
    lat, lon = channels.get("latitude_degrees"), channels.get("longitude_degrees")
    if lat is None or lon is None:
        return None
    bad = np.zeros(len(seconds), dtype=bool)
    rows = np.flatnonzero(np.isfinite(lat) & np.isfinite(lon) & ~((lat == 0) & (lon == 0)))
    if len(rows) < 2:
        return None
    away = find_excursions(seconds[rows], lat[rows], lon[rows])
    if away.any():
        bad[rows[away]] = True
        rows = rows[~away]
    steps = haversine_meters(lat[rows[:-1]], lon[rows[:-1]], lat[rows[1:]], lon[rows[1:]])
    if (steps > _allowed(np.diff(seconds[rows]), limit)).any():
        return _without_jumping_positions(seconds, (lat, lon), rows, steps, limit, bad)
    return rows, steps, bad


def _without_jumping_positions(
    seconds: FloatArray,
    where: tuple[FloatArray, FloatArray],
    rows: NDArray[np.int64],
    steps: FloatArray,
    limit: float,
    bad: BoolArray,
) -> tuple[NDArray[np.int64], FloatArray, BoolArray]:
    """From each jump go on to the next position that can be reached from the last believed one.

    Where none can for 30 s, the receiver was lost before: believe the new place and count no distance to it.
    """
    lat, lon = where
    t = seconds[rows]
    keep = np.ones(len(rows), dtype=bool)
    steps = steps.copy()
    anchor_done = 0
    for jump in np.flatnonzero(steps > _allowed(np.diff(t), limit)).tolist():
        if jump < anchor_done:
            continue
        stop = min(int(np.searchsorted(t, t[jump + 1] + _LOST_SECONDS, "right")) + 1, len(rows))
        ahead = rows[jump + 1 : stop]
        far = haversine_meters(lat[rows[jump]], lon[rows[jump]], lat[ahead], lon[ahead])
        reached = np.flatnonzero(far <= _allowed(t[jump + 1 : stop] - t[jump], limit))
        landing = jump + 1 + (int(reached[0]) if len(reached) else len(ahead) - 1)
        keep[jump + 1 : landing] = False
        steps[landing - 1] = float(far[reached[0]]) if len(reached) else 0.0
        anchor_done = landing
    bad[rows[~keep]] = True
    return rows[keep], steps[np.flatnonzero(keep)[1:] - 1], bad


def _allowed(dt: FloatArray, limit: float) -> FloatArray:
    return limit * np.maximum(dt, 1.0) + _POSITION_NOISE_METERS


def _from_positions(
    positions: tuple[NDArray[np.int64], FloatArray, BoolArray],
    seconds: FloatArray,
    pauses: tuple[tuple[float, float], ...],
    limit: float,
) -> tuple[FloatArray, list[Finding]]:
    rows, steps, _ = positions
    t = seconds[rows]
    # What was covered while the timer stood is not part of the activity.
    for begin, end in pauses:
        steps = np.where((t[:-1] < end) & (t[1:] > begin) & (end - begin > np.diff(t) / 2), 0.0, steps)
    most = limit * np.diff(t)
    fast = steps > most
    findings: list[Finding] = []
    if fast.any():
        mask = _over(rows[1:][fast], len(seconds))
        findings.append(("too_fast", "distance_meters", mask, "held to the fastest that the sport allows"))
    out = np.full(len(seconds), np.nan)
    out[rows] = np.concatenate(([0.0], np.cumsum(np.minimum(steps, most))))
    return out, findings


def _from_speed(speed: FloatArray, seconds: FloatArray) -> FloatArray:
    rows = np.flatnonzero(np.isfinite(speed))
    dt = np.diff(seconds[rows])
    steps = np.where(dt <= SMART_RECORDING_SECONDS, speed[rows][1:] * dt, 0.0)
    out = np.full(len(seconds), np.nan)
    out[rows] = np.concatenate(([0.0], np.cumsum(steps)))
    return out


def speed_from_distance(seconds: FloatArray, meters: FloatArray) -> FloatArray:
    """Speed (n,) in m/s over the 5 s around each row, within stretches without a gap of over 10 s; NaN where
    unknown.
    """
    out = np.full(len(seconds), np.nan)
    rows = np.flatnonzero(np.isfinite(meters))
    if len(rows) < 2:
        return out
    t, d = seconds[rows], meters[rows]
    gaps = np.flatnonzero(np.diff(t) > SMART_RECORDING_SECONDS)
    first = np.concatenate(([0], gaps + 1))
    last = np.concatenate((gaps, [len(t) - 1]))
    of = np.repeat(np.arange(len(first)), last - first + 1)
    low = np.maximum(t - _SPEED_HALF_WINDOW_SECONDS, t[first][of])
    high = np.minimum(t + _SPEED_HALF_WINDOW_SECONDS, t[last][of])
    span = high - low
    ok = span > 0
    moved = np.interp(high, t, d) - np.interp(low, t, d)
    out[rows[ok]] = moved[ok] / span[ok]
    return out


def _over(rows: NDArray[np.int64], n: int) -> BoolArray:
    mask = np.zeros(n, dtype=bool)
    mask[rows] = True
    return mask
