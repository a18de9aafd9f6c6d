"""What was known of the athlete on a day: thresholds, heart rates, weight. Nothing of a later day gets in."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

DEFAULT_RESTING_BPM = 55.0
"""Taken where no resting heart rate was measured; loads say so."""
LONGEST_CARRY_DAYS = 365
"""A threshold older than this says nothing about today."""
LEAST_LTHR_SHARE = 0.75
"""Of the maximal heart rate: no one's threshold lies lower."""
HEART_RATE_OF = {"bike": ("bike", "run", "swim"), "run": ("run", "bike", "swim"), "swim": ("swim", "run", "bike")}
"""Whose heart rate limits stand for a sport, the nearest first; running's for every other sport."""


@dataclass(frozen=True, slots=True)
class KnownThreshold:
    """A threshold and the day of which it is true. `capacity`: W' or D', where the model has one."""

    as_of: date
    value: float
    capacity: float | None = None


class ThresholdHistory:
    """Thresholds of one model in order of day, refusals left out."""

    def __init__(self, known: Sequence[KnownThreshold]) -> None:
        self._known = known
        self._days = [one.as_of for one in known]

    def on(self, day: date) -> KnownThreshold | None:
        """The newest one not after the day."""
        index = bisect_right(self._days, day) - 1
        if index < 0 or (day - self._days[index]).days > LONGEST_CARRY_DAYS:
            return None
        return self._known[index]


@dataclass(frozen=True, slots=True)
class HeartRates:
    """Limits of the heart rate on a day. `lthr_sport`: whose threshold it is."""

    lthr: KnownThreshold | None
    lthr_sport: str | None
    hr_max: KnownThreshold | None
    resting_bpm: float | None


@dataclass(frozen=True)
class Knowledge:
    """Everything that is known of an athlete, by day. `histories` by (sport, model)."""

    histories: Mapping[tuple[str, str], ThresholdHistory] = field(default_factory=dict)
    resting: ThresholdHistory = field(default_factory=lambda: ThresholdHistory(()))
    weight: ThresholdHistory = field(default_factory=lambda: ThresholdHistory(()))
    sex: str | None = None

    def threshold(self, sport: str, model: str, day: date) -> KnownThreshold | None:
        """The threshold of the sport's own model that was valid on the day."""
        history = self.histories.get((sport, model))
        return history.on(day) if history else None

    def heart_rates(self, sport: str, day: date) -> HeartRates:
        """What was known of the heart rate; a threshold far below the maximum is that of a year without a hard day."""
        lthr, lthr_sport = self._heart_rate(sport, "lthr", day)
        hr_max, _ = self._heart_rate(sport, "hr_max", day)
        rest = self.resting.on(day)
        if lthr and hr_max and lthr.value < LEAST_LTHR_SHARE * hr_max.value:
            lthr, lthr_sport = None, None
        return HeartRates(lthr, lthr_sport, hr_max, rest.value if rest else None)

    def _heart_rate(self, sport: str, model: str, day: date) -> tuple[KnownThreshold | None, str | None]:
        for other in HEART_RATE_OF.get(sport, HEART_RATE_OF["run"]):
            found = self.threshold(other, model, day)
            if found is not None:
                return found, other
        return None, None
