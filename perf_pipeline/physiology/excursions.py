"""Positions that leave the course and come back to it: a receiver's jump, even one that a fast athlete could make."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_METERS_PER_DEGREE = 111_195.08
_WINDOW = 9
_ACCELERATION_MPS2 = 10.0
_NOISE_METERS = 12.0
_SIGMAS = 8.0
_MAD_TO_SIGMA = 1.4826
_LONGEST_SECONDS = 30.0
_CLOSES_SHARE = 0.5
_CLOSEST_SPACING = 0.5


def find_excursions(seconds: FloatArray, latitude: FloatArray, longitude: FloatArray) -> BoolArray:
    """Mask (n,) of positions on an excursion; all inputs (n,), finite, in degrees and rising seconds.

    A step is suspect where it differs from the course's velocity (median of 9 steps) by more than an acceleration of
    10 m/s^2 makes, plus 12 m, and by more than 8 times the file's own scatter. An excursion is a suspect step out and,
    within 30 s, one back that undoes at least half of it: what stays away is where the athlete is.
    """
    n = len(seconds)
    away = np.zeros(n, dtype=bool)
    if n < _WINDOW:
        return away
    north = _METERS_PER_DEGREE * np.diff(latitude)
    # Across the date line a degree is still a degree.
    turn = (np.diff(longitude) + 180.0) % 360.0 - 180.0
    east = _METERS_PER_DEGREE * np.cos(np.radians(latitude[1:])) * turn
    dt = np.diff(seconds)
    change = np.hypot(np.diff(north), np.diff(east))
    least = _NOISE_METERS + _ACCELERATION_MPS2 * np.minimum(np.minimum(dt[1:], dt[:-1]), 3.0) / 2
    # A step that jumps differs from the one before it and from the one after: only such are looked at.
    near = np.flatnonzero(change > least)
    looked_at = np.unique(np.concatenate((near, near + 1)))
    if len(looked_at) == 0:
        return away
    span = np.maximum(dt, _CLOSEST_SPACING)
    rest_north, rest_east = np.zeros(n - 1), np.zeros(n - 1)
    rest_north[looked_at] = north[looked_at] - _usual(north / span, looked_at) * span[looked_at]
    rest_east[looked_at] = east[looked_at] - _usual(east / span, looked_at) * span[looked_at]
    off = np.hypot(rest_north, rest_east)
    scatter = _MAD_TO_SIGMA * float(np.median(change)) / np.sqrt(2.0)
    # Over a longer step the course bends: as much as the bound on acceleration lets it within three seconds.
    allowed = _NOISE_METERS + _ACCELERATION_MPS2 * np.minimum(span, 3.0) * span / 2
    suspects = np.flatnonzero(off > np.maximum(allowed, _SIGMAS * scatter)).tolist()
    after = -1
    for number, out in enumerate(suspects):
        if out < after:
            continue
        for back in suspects[number + 1 :]:
            if seconds[back + 1] - seconds[out] > _LONGEST_SECONDS:
                break
            left = np.hypot(rest_north[out] + rest_north[back], rest_east[out] + rest_east[back])
            if left <= _CLOSES_SHARE * off[out]:
                away[out + 1 : back + 1] = True
                after = back + 1
                break
    return away


def _usual(velocity: FloatArray, at: IntArray) -> FloatArray:
    """The median of the 9 velocities around each of the steps `at`."""
    padded = np.pad(velocity, _WINDOW // 2, mode="edge")
    return np.asarray(np.median(sliding_window_view(padded, _WINDOW)[at], axis=1))
