"""The one table of sport bounds, moving thresholds, effort durations and effort distances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

KMH = 1 / 3.6

_POWER_SECONDS = (
    1, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 360, 480, 600, 720, 900,
    1200, 1800, 2400, 3600, 5400, 7200, 10800, 14400, 18000,
)  # fmt: skip
POWER_DURATIONS_SECONDS: tuple[int, ...] = _POWER_SECONDS
"""Durations of mean-maximal power. Dense between 2 and 20 min: Critical Power is identified there."""
SPEED_DURATIONS_SECONDS: tuple[int, ...] = tuple(s for s in _POWER_SECONDS if s >= 5)

FOOT_DISTANCES_METERS: tuple[float, ...] = (
    400, 800, 1000, 1500, 1609.344, 3000, 3218.688, 5000, 8046.72, 10000, 15000, 16093.44,
    20000, 21097.5, 30000, 42195, 50000, 80467.2, 100000,
)  # fmt: skip
SWIM_DISTANCES_METERS: tuple[float, ...] = (50, 100, 200, 400, 500, 750, 800, 1000, 1500, 1900, 3800, 5000)


@dataclass(frozen=True, slots=True)
class SportBounds:
    """What is physically possible in a sport and what of it we measure.

    `max_speed_mps`: faster is a fault of the sensor. `moving_speed_mps`: slower is standing.
    `distances_meters`: distance efforts. `pace_meters`: pace is given in seconds per so many metres.
    """

    max_speed_mps: float
    moving_speed_mps: float = 0.3 * KMH
    distances_meters: tuple[float, ...] = ()
    pace_meters: float = 1000.0

    @property
    def pace_unit(self) -> str:
        """The unit in which this sport's pace is stored."""
        return "s/100m" if self.pace_meters == 100 else "s/km"


_BOUNDS: Mapping[str, SportBounds] = {
    "bike": SportBounds(35.0, 4.0 * KMH),
    "run": SportBounds(12.5, 1.5 * KMH, FOOT_DISTANCES_METERS),
    "walk": SportBounds(4.5, distances_meters=FOOT_DISTANCES_METERS),
    "hike": SportBounds(7.0, distances_meters=FOOT_DISTANCES_METERS),
    "swim": SportBounds(3.0, 0.5 * KMH, SWIM_DISTANCES_METERS, 100.0),
    "transition": SportBounds(12.5),
    "row": SportBounds(8.0),
    "paddle": SportBounds(10.0),
    "ski": SportBounds(45.0),
    "skate": SportBounds(20.0),
    "climb": SportBounds(4.5),
    "strength": SportBounds(12.5),
    "racket": SportBounds(12.5),
    "other": SportBounds(100.0),
}


def bounds_of(sport: str) -> SportBounds:
    """The bounds of a sport; those of `other` for a word that we do not know.

    >>> bounds_of("run").max_speed_mps
    12.5
    """
    return _BOUNDS.get(sport, _BOUNDS["other"])


CHANNEL_BOUNDS: Mapping[str, tuple[float, float]] = {
    "power_watts": (0.0, 2500.0),
    "heart_rate_bpm": (25.0, 240.0),
    "cadence_rpm": (0.0, 250.0),
    "altitude_meters": (-500.0, 9000.0),
    "temperature_celsius": (-60.0, 70.0),
    "latitude_degrees": (-90.0, 90.0),
    "longitude_degrees": (-180.0, 180.0),
}
"""Lowest and highest credible value. Speed has its bound by sport."""

MAX_WATTS_PER_KILOGRAM = 30.0

DROPOUT_SECONDS = 3.0
"""A silence up to this long is a dropout: the last value is held."""
SMART_RECORDING_SECONDS = 10.0
"""Records up to this far apart while the timer runs are smart recording: linear between them."""
SLOW_CHANNEL_SECONDS: Mapping[str, float] = {
    "heart_rate_bpm": 120.0,
    "temperature_celsius": 120.0,
    "altitude_meters": 120.0,
}
"""What changes slowly is taken as linear over a longer silence, for means alone: devices that record every 20 s
mean it so themselves."""
FROZEN_SECONDS = 60.0
"""A non-zero channel that does not change for so long while others do is suspect."""

# Mean power that no one has held, generously above the best known, (seconds, watts): a value above it is no human's.
_POWER_CEILING: tuple[tuple[float, float], ...] = (
    (1, 2500), (5, 2300), (15, 1900), (30, 1500), (60, 1150), (120, 850), (300, 680), (1200, 600), (3600, 550),
    (18000, 450),
)  # fmt: skip

# World bests with 2 % to spare, (metres, metres per second). Running: 100 m to 100 km; swimming: long course.
_RUN_CEILING: tuple[tuple[float, float], ...] = (
    (100, 10.65), (400, 9.5), (800, 8.1), (1500, 7.45), (3000, 6.95), (5000, 6.75), (10000, 6.5), (21097.5, 6.25),
    (42195, 5.95), (100000, 4.7),
)  # fmt: skip
_SWIM_CEILING: tuple[tuple[float, float], ...] = (
    (50, 2.5), (100, 2.25), (200, 2.05), (400, 1.87), (800, 1.81), (1500, 1.76), (5000, 1.75),
)  # fmt: skip
_WALK_CEILING: tuple[tuple[float, float], ...] = ((400, 4.5), (100000, 4.5))


def _interpolate(table: tuple[tuple[float, float], ...], x: float) -> float:
    if x <= table[0][0]:
        return table[0][1]
    for (x0, y0), (x1, y1) in pairwise(table):
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return table[-1][1]


def power_ceiling_watts(duration_seconds: float) -> float:
    """The mean power over a duration that no human reaches; above it an effort is rejected."""
    return _interpolate(_POWER_CEILING, duration_seconds)


def speed_ceiling_mps(sport: str, distance_meters: float) -> float:
    """The mean speed over a distance beyond the world's best; above it an effort is rejected."""
    table = {"run": _RUN_CEILING, "swim": _SWIM_CEILING, "walk": _WALK_CEILING}.get(sport)
    return _interpolate(table, distance_meters) if table else bounds_of(sport).max_speed_mps
