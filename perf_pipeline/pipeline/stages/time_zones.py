"""The time zone of the place where an activity began."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from perf_pipeline.physiology.cleaning import CleanStreams

if TYPE_CHECKING:
    from timezonefinder import TimezoneFinder


def zone_of(clean: CleanStreams) -> str | None:
    """The IANA zone of the first credible position (at sea `Etc/GMT...`); None where there is no position.

    Credible is a position that cleaning kept; 0, 0 is where receivers are that know no place.
    """
    latitude, longitude = clean.get("latitude_degrees"), clean.get("longitude_degrees")
    if latitude is None or longitude is None:
        return None
    known = np.isfinite(latitude) & np.isfinite(longitude) & ~((latitude == 0) & (longitude == 0))
    first = int(np.argmax(known))
    if not known[first]:
        return None
    return _finder().timezone_at(lat=float(latitude[first]), lng=float(longitude[first]))


@cache
def _finder() -> TimezoneFinder:
    """One for each worker: its import costs a third of a second, its tables 10 MB."""
    from timezonefinder import TimezoneFinder

    return TimezoneFinder()
