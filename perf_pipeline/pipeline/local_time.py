"""What an athlete's own clock showed: one rule for local days and for names such as Morning Ride."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LARGEST_OFFSET_SECONDS = 15 * 3600
"""No zone is further from UTC; an offset beyond it is that of a wrong clock."""
_QUARTER_HOUR = 900
_OFFSET_SLACK_SECONDS = 60


def credible_offset(utc_offset_seconds: int | None) -> int | None:
    """The offset rounded to the quarter of an hour that every zone keeps to; None where it is no zone's.

    A device stamps its two clocks up to a minute apart; more is a clock that was set by hand.

    >>> credible_offset(7201), credible_offset(225), credible_offset(20 * 3600)
    (7200, None, None)
    """
    if utc_offset_seconds is None or abs(utc_offset_seconds) > LARGEST_OFFSET_SECONDS:
        return None
    nearest = round(utc_offset_seconds / _QUARTER_HOUR) * _QUARTER_HOUR
    return nearest if abs(utc_offset_seconds - nearest) <= _OFFSET_SLACK_SECONDS else None


def local_time(started_at: datetime, utc_offset_seconds: int | None, *zones: str | None) -> datetime:
    """The clock on the athlete's wall, without a zone: by the file's offset, else the first zone known, else UTC.

    `zones` are IANA names in order of trust: that of the position before that of the profile.
    """
    at = started_at.astimezone(UTC)
    offset = credible_offset(utc_offset_seconds)
    if offset is not None:
        return (at + timedelta(seconds=offset)).replace(tzinfo=None)
    for zone in zones:
        if zone:
            try:
                return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                continue  # a name that this machine's table of zones does not hold
    return at.replace(tzinfo=None)
