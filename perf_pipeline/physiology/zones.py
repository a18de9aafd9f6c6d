"""Time in zones of an athlete's threshold, from a histogram that knows no threshold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perf_pipeline.physiology.histograms import Histogram

_POWER_SHARES = (0.55, 0.75, 0.90, 1.05, 1.20, 1.50)
_RUN_HEART_SHARES = (0.85, 0.90, 0.95, 1.00, 1.03, 1.06)
_BIKE_HEART_SHARES = (0.81, 0.90, 0.94, 1.00, 1.03, 1.06)
_PACE_SHARES = (1.29, 1.14, 1.06, 0.99, 0.97, 0.90)

POWER_ZONE_NAMES = ("recovery", "endurance", "tempo", "threshold", "vo2max", "anaerobic", "neuromuscular")
FRIEL_ZONE_NAMES = ("1", "2", "3", "4", "5a", "5b", "5c")


def power_zone_bounds(threshold_watts: float) -> tuple[float, ...]:
    """The six bounds in W of Coggan's seven zones: 55, 75, 90, 105, 120, 150 % of FTP or CP.

    Allen and Coggan 2006, Training and Racing with a Power Meter.

    >>> [round(b) for b in power_zone_bounds(300)]
    [165, 225, 270, 315, 360, 450]
    """
    return tuple(share * threshold_watts for share in _POWER_SHARES)


def heart_rate_zone_bounds(lthr_bpm: float, sport: str) -> tuple[float, ...]:
    """The six bounds in bpm of Friel's seven zones of LTHR: 81, 90, 94, 100, 103, 106 % on the bike, else 85, 90, 95,
    100, 103, 106 %.

    Friel 2009, The Triathlete's Training Bible.

    >>> [round(b) for b in heart_rate_zone_bounds(160, "bike")]
    [130, 144, 150, 160, 165, 170]
    """
    return tuple(share * lthr_bpm for share in (_BIKE_HEART_SHARES if sport == "bike" else _RUN_HEART_SHARES))


def speed_zone_bounds(threshold_mps: float) -> tuple[float, ...]:
    """The six bounds in m/s of Friel's seven pace zones: 129, 114, 106, 99, 97, 90 % of the threshold's time per km.

    Friel 2009, The Triathlete's Training Bible; slowest first.

    >>> [round(1000 / b) for b in speed_zone_bounds(5.0)]
    [258, 228, 212, 198, 194, 180]
    """
    return tuple(threshold_mps / share for share in _PACE_SHARES)


def time_in_zones(of: Histogram, bounds: Sequence[float]) -> tuple[float, ...]:
    """Seconds below, between and above the rising `bounds` (k,), in the channel's unit: k + 1 numbers.

    A bin that a bound cuts is shared out by width. The sum is the histogram's.
    """
    edges, seconds = of.edges, np.asarray(of.seconds)
    below = np.concatenate(([0.0], np.cumsum(seconds)))
    at = np.interp(np.asarray(bounds, dtype=np.float64), edges, below)
    return tuple(np.diff(np.concatenate(([0.0], at, below[-1:]))).tolist())
