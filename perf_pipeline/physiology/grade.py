"""Climbing and the cost of gradient: elevation gain, Minetti's cost, speed as if on the flat."""

from __future__ import annotations

from dataclasses import replace
from typing import overload

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.cleaning import CleanStreams
from perf_pipeline.physiology.gradient import STEEPEST, gradients
from perf_pipeline.physiology.timeline import Timeline, Timelines, timeline_of

FloatArray = NDArray[np.float64]

SMOOTHING_SECONDS = 20.0
CLIMB_THRESHOLD_METERS = 2.0
_FLAT_COST = 3.6
GRADED_SPEED = "graded_speed_mps"
ON_FOOT = ("run", "walk", "hike")


@overload
def minetti_cost(gradient: float) -> float: ...
@overload
def minetti_cost(gradient: FloatArray) -> FloatArray: ...
def minetti_cost(gradient: float | FloatArray) -> float | FloatArray:
    """Metabolic cost of running in J/kg/m at a gradient (rise over run), held to +-0.45.

    Minetti et al. 2002, J Appl Physiol 93, doi 10.1152/japplphysiol.01177.2001.

    >>> round(minetti_cost(0.1), 3)
    5.968
    """
    i = np.clip(gradient, -STEEPEST, STEEPEST)
    cost = ((((155.4 * i - 30.4) * i - 43.3) * i + 46.3) * i + 19.5) * i + _FLAT_COST
    return float(cost) if np.ndim(cost) == 0 else cost


def smooth_altitude(seconds: FloatArray, altitude: FloatArray) -> FloatArray:
    """Altitude (n,) without spikes (median of 5 records) and without noise (mean over about 20 s); no NaN in
    or out.
    """
    if len(altitude) < 5:
        return altitude
    usual = float(np.median(np.diff(seconds)))
    width = min(max(1, round(SMOOTHING_SECONDS / max(usual, 0.1))), len(altitude))
    padded = np.pad(median_of_five(altitude), (width // 2, width - 1 - width // 2), mode="edge")
    total = np.concatenate(([0.0], np.cumsum(padded)))
    return np.asarray((total[width:] - total[:-width]) / width)


def median_of_five(values: FloatArray) -> FloatArray:
    """The median (n,) of each value and the two before and after it, ends repeated.

    The least and the greatest of two pairs cannot be the median; of the three that are left the middle is.
    """
    padded = np.pad(values, 2, mode="edge")
    a, b, c, d, e = (padded[i : i + len(values)] for i in range(5))
    low = np.maximum(np.minimum(a, b), np.minimum(d, e))
    high = np.minimum(np.maximum(a, b), np.maximum(d, e))
    return np.asarray(np.maximum(np.minimum(c, low), np.minimum(np.maximum(c, low), high)))


def elevation_gain_meters(clean: CleanStreams) -> float | None:
    """Metres climbed: altitude smoothed over 20 s, climbs counted once they exceed 2 m; None without altitude.

    Smoothing and threshold are the definition: without them noise climbs, with more of them hills vanish.
    """
    altitude = clean.get("altitude_meters")
    if altitude is None:
        return None
    known = np.isfinite(altitude)
    if known.sum() < 2:
        return None
    return climbed_meters(smooth_altitude(clean.seconds[known], altitude[known]), CLIMB_THRESHOLD_METERS)


def climbed_meters(altitude: FloatArray, threshold_meters: float) -> float:
    """Sum of all climbs from a low to a high, turning points being those that the course leaves by the
    threshold.

    >>> climbed_meters(np.array([0.0, 10.0, 9.5, 20.0, 5.0, 6.0]), 2.0)
    20.0
    """
    step = np.diff(altitude)
    turns = np.flatnonzero(np.sign(step[1:]) != np.sign(step[:-1])) + 1
    points = altitude[np.concatenate(([0], turns, [len(altitude) - 1]))].tolist()
    gain = 0.0
    low = high = points[0]
    for value in points:
        if value > high:
            high = value
        elif high - value >= threshold_meters:
            if high - low >= threshold_meters:
                gain += high - low
            low = high = value
        if value < low:
            if high - low >= threshold_meters:
                gain += high - low
            low = high = value
    return gain + (high - low if high - low >= threshold_meters else 0.0)


def graded_speed(clean: CleanStreams) -> FloatArray | None:
    """Speed (n,) in m/s on the flat at the same metabolic cost; None without speed; as measured without
    altitude.

    Gradient over 200 m of the course with its noise allowed for (see `gradients`); cost by Minetti 2002.
    """
    speed, meters, altitude = clean.get("speed_mps"), clean.get("distance_meters"), clean.get("altitude_meters")
    if speed is None:
        return None
    if meters is None or altitude is None:
        return speed
    known = np.isfinite(meters) & np.isfinite(altitude)
    if known.sum() < 5:
        return speed
    seconds, covered = clean.seconds[known], np.maximum.accumulate(meters[known])
    where = np.interp(clean.seconds, seconds, covered)
    slope = gradients(covered, median_of_five(altitude[known]), seconds, where)
    return np.asarray(speed * minetti_cost(slope) / _FLAT_COST)


def graded_line(lines: Timelines) -> Timeline | None:
    """Speed as if on the flat as a timeline, for sports on foot; None where there is nothing of it."""
    return lines.derived(GRADED_SPEED, _graded_line)


def _graded_line(clean: CleanStreams) -> Timeline | None:
    graded = graded_speed(clean) if clean.sport in ON_FOOT else None
    return None if graded is None else timeline_of(replace(clean, channels={GRADED_SPEED: graded}), GRADED_SPEED)
