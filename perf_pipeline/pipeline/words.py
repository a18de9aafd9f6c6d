"""How times, distances and paces are written wherever a person reads them."""

from __future__ import annotations

_NAMED_DISTANCES = {
    1609.344: "1 mile", 3218.688: "2 miles", 8046.72: "5 miles", 16093.44: "10 miles", 80467.2: "50 miles",
    21097.5: "half marathon", 42195.0: "marathon",
}  # fmt: skip


def watch(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any.

    >>> watch(1270.4), watch(5025), watch(59.6)
    ('21:10', '1:23:45', '1:00')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def clock(seconds: float) -> str:
    """The same for any duration: under a minute, seconds.

    >>> clock(42), clock(1271.4), clock(5400)
    ('42 s', '21:11', '1:30:00')
    """
    whole = round(seconds)
    return watch(seconds) if whole >= 60 else f"{whole} s"


def distance(meters: float) -> str:
    """A distance by its usual name.

    >>> distance(400), distance(5000), distance(42195)
    ('400 m', '5 km', 'marathon')
    """
    named = next((name for value, name in _NAMED_DISTANCES.items() if abs(value - meters) < 0.01), None)
    return named or (f"{meters / 1000:g} km" if meters >= 1000 else f"{meters:g} m")


def pace(speed_mps: float, sport: str) -> str:
    """Minutes and seconds per km, per 100 m for a swim; a dash where nothing moves.

    >>> pace(4.0, "run"), pace(1.25, "swim")
    ('4:10 /km', '1:20 /100 m')
    """
    per, unit = (100, "/100 m") if sport == "swim" else (1000, "/km")
    if speed_mps <= 0:
        return "-"
    return f"{watch(per / speed_mps)} {unit}"
