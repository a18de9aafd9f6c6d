"""On which day an athlete's series begins, where a clock that was never set wrote the first dates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

LONGEST_SILENCE = timedelta(days=5 * 365)
MOST_STRAY_DAYS = 3


def first_settled_day(days: Iterable[date]) -> date | None:
    """The first of an athlete's days with an activity from which on the series counts; None without a day.

    A device that has lost its clock writes 1990, 2000 or a date 1,024 weeks back. So up to three days before a silence
    of more than five years are not where it begins. Should they have been real: of their load nothing is left by then.

    >>> first_settled_day([date(2000, 1, 1), date(2019, 5, 4), date(2019, 5, 6)])
    datetime.date(2019, 5, 4)
    """
    ordered = sorted(set(days))
    begins = ordered[0] if ordered else None
    for number in range(1, min(MOST_STRAY_DAYS + 1, len(ordered))):
        if ordered[number] - ordered[number - 1] > LONGEST_SILENCE:
            begins = ordered[number]
    return begins
