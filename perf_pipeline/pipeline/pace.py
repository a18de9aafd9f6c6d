"""How far a long work is, and how long it will still take, in words."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Pace:
    """Counts months and the activities in them against the clock."""

    months: int
    activities: int
    clock: Callable[[], float] = time.monotonic
    done_months: int = 0
    done_activities: int = 0
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.clock()

    def advance(self, activities: int) -> None:
        """One more month is done, with so many activities in it."""
        self.done_months += 1
        self.done_activities += activities

    @property
    def words(self) -> str:
        """Such as `30 of 200 months, 118 activities/s, 35 s left`."""
        seconds = max(self.clock() - self._began, 1e-3)
        rate = self.done_activities / seconds
        told = f"{self.done_months} of {self.months} months, {rate:.0f} activities/s"
        if not self.done_activities or self.done_months >= self.months:
            return told
        return f"{told}, {_span((self.activities - self.done_activities) / rate)} left"


def _span(seconds: float) -> str:
    """Seconds in the unit that one would say.

    >>> _span(35.2), _span(200), _span(8000)
    ('35 s', '3 min', '2.2 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
