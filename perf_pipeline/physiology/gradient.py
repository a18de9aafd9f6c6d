"""Gradient along the course from recorded altitude, so that the altitude's noise is not taken for hills.

The cost of running is convex in gradient: noise always adds to it, and a mean of fourth powers adds more. What is said
here, with what was measured, is in docs/science.md section 3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

HALF_WINDOW_METERS = 100.0
STEEPEST = 0.45
"""The steepest that Minetti's cost was measured on."""
_CELL_METERS = 20.0
_LEAST_METERS = 100.0
_NEIGHBOURS_METERS = 1000.0
_STEP_METERS = 5.0
FASTEST_CLIMB_MPS = 0.5
"""Over 200 m. The fastest vertical kilometres are climbed at 0.58 m/s, on slopes that nobody runs a road on."""
_DOUBT_METERS = 500.0


def gradients(meters: FloatArray, altitude: FloatArray, seconds: FloatArray, at_meters: FloatArray) -> FloatArray:
    """Rise over run (m,), within +-0.45, at the distances `at_meters`, from records (n,) without NaN.

    `meters` must not fall. The mean altitude of the 100 m ahead less that of the 100 m behind, over 100 m; drawn
    towards its mean of the kilometre to each side by as much as noise spreads it there, so that its variance, which
    decides what hills cost, is the course's own. Where that climbs faster than anybody can, the altitude is wrong,
    and for 500 m to each side the mean stands alone. Below 100 m in all: 0.
    """
    total = float(meters[-1] - meters[0])
    if total < _LEAST_METERS:
        return np.zeros(len(at_meters))
    area = _area(meters, _without_steps(meters, altitude))
    edges = meters[0] + _CELL_METERS * np.arange(int(total / _CELL_METERS) + 1)
    middles, half = edges[:-1] + _CELL_METERS / 2, min(HALF_WINDOW_METERS, total / 2)
    middles = np.clip(middles, meters[0] + half, meters[-1] - half)
    behind, here, ahead = (np.interp(middles + away, meters, area) for away in (-half, 0.0, half))
    found = (ahead - 2 * here + behind) / (half * half)
    usual = _mean_around(found, _NEIGHBOURS_METERS)
    away = found - usual
    spread = _mean_around(away * away, _NEIGHBOURS_METERS)
    noise = _roughness(np.diff(np.interp(edges, meters, area)) / _CELL_METERS) / (2 * half)
    away *= np.sqrt(np.clip(1 - noise / np.maximum(spread, 1e-12), 0.0, 1.0))
    took = np.interp(middles + half, meters, seconds) - np.interp(middles - half, meters, seconds)
    impossible = (usual + away) * 2 * half > FASTEST_CLIMB_MPS * took
    if impossible.any():
        away[_mean_around(impossible.astype(np.float64), _DOUBT_METERS) > 0] = 0.0
    found = np.interp(at_meters, edges[:-1] + _CELL_METERS / 2, usual + away)
    return np.asarray(np.clip(found, -STEEPEST, STEEPEST))


def _without_steps(meters: FloatArray, altitude: FloatArray) -> FloatArray:
    """Altitude without steps of over 5 m from one record to the next steeper than 45 %: calibrations, lifts."""
    rise = np.diff(altitude)
    step = (np.abs(rise) > _STEP_METERS) & (np.abs(rise) > STEEPEST * np.diff(meters))
    if not step.any():
        return altitude
    return altitude - np.concatenate(([0.0], np.cumsum(np.where(step, rise, 0.0))))


def _area(meters: FloatArray, altitude: FloatArray) -> FloatArray:
    """Integral (n,) of altitude over distance: a difference of it is a mean over that stretch."""
    return np.concatenate(([0.0], np.cumsum(0.5 * (altitude[1:] + altitude[:-1]) * np.diff(meters))))


def _roughness(heights: FloatArray) -> FloatArray:
    """Variance (n,) that altitude gains by the metre as if it were a random walk, from its second differences.

    Noise that wanders gives 0.1 to 0.2 m^2/m at 3 m of error, a road's own bends less than a hundredth of that.
    """
    if len(heights) < 3:
        return np.zeros(len(heights))
    bends = np.diff(heights, 2) ** 2
    return np.pad(_mean_around(bends, _NEIGHBOURS_METERS), 1, mode="edge") / _CELL_METERS


def _mean_around(values: FloatArray, reach_meters: float) -> FloatArray:
    """Mean (n,) of the cells within a reach to each side, of those there are at the ends."""
    reach = int(reach_meters / _CELL_METERS)
    total = np.concatenate(([0.0], np.cumsum(values)))
    cell = np.arange(len(values))
    first, stop = np.maximum(cell - reach, 0), np.minimum(cell + reach + 1, len(values))
    return np.asarray((total[stop] - total[first]) / (stop - first))
