"""The training of the demo athlete: what the body can do on each day of two seasons, and what is done on it.

Nobody real: the numbers are those of a keen amateur, chosen so that all that the pipeline promises can be seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

DEFAULT_END = date(2026, 10, 31)
SEASONS_DAYS = 730
REST = range(322, 344)
"""Days without training: illness, then a holiday."""
RACE_DAY, TRIATHLON_DAY = 562, 618

# Day of the plan -> what the athlete could hold. It rises in blocks, falls over the rest, and rises higher.
_KNOTS = (0, 110, 210, 300, 322, 346, 420, 530, 650, 729)
_CRITICAL_POWER = (235, 246, 259, 270, 270, 252, 260, 272, 285, 283)
_W_PRIME = (18_000, 18_600, 19_200, 20_000, 20_000, 18_400, 19_000, 20_000, 21_000, 20_800)
_CRITICAL_SPEED = (3.70, 3.78, 3.88, 3.97, 3.97, 3.82, 3.92, 4.05, 4.20, 4.18)
_D_PRIME = (190, 195, 200, 205, 205, 188, 195, 205, 215, 212)
_CRITICAL_SWIM_SPEED = (1.08, 1.10, 1.13, 1.16, 1.16, 1.12, 1.15, 1.20, 1.25, 1.24)


@dataclass(frozen=True, slots=True)
class Body:
    """What the athlete can do: watts, joules, m/s, metres."""

    critical_power: float
    w_prime: float
    critical_speed: float
    d_prime: float
    critical_swim_speed: float
    swim_d_prime: float = 14.0

    def power_for(self, seconds: float) -> float:
        """The highest mean power over `seconds`, in W, of the two-parameter model."""
        return self.critical_power + self.w_prime / seconds

    def seconds_for(self, meters: float) -> float:
        """The shortest time to run `meters`, of the same model over distance."""
        return (meters - self.d_prime) / self.critical_speed

    def swim_seconds_for(self, meters: float) -> float:
        """The shortest time to swim `meters`."""
        return (meters - self.swim_d_prime) / self.critical_swim_speed


def body_on(day: int) -> Body:
    """The body on a day of the plan (0 is the first of the two seasons)."""

    def at(values: tuple[float, ...]) -> float:
        return float(np.interp(day, _KNOTS, values))

    return Body(at(_CRITICAL_POWER), at(_W_PRIME), at(_CRITICAL_SPEED), at(_D_PRIME), at(_CRITICAL_SWIM_SPEED))


@dataclass(frozen=True, slots=True)
class Outing:
    """One activity of the plan. `work` is the word that `demo_workouts` makes segments of."""

    day: int
    on: date
    sport: str
    work: str
    indoor: bool = False

    @property
    def is_test(self) -> bool:
        return self.work.startswith(("test", "race"))


def outings(seed: int, end: date, days: int) -> Iterator[Outing]:
    """The activities of the last `days` days up to `end`, in order; the same day of the plan always holds the same."""
    for back in range(days - 1, -1, -1):
        on = end - timedelta(days=back)
        day = SEASONS_DAYS - 1 - back
        dice = np.random.Generator(np.random.PCG64([seed, day + 100_000, 1]))
        for outing in _day(day, on, dice):
            # Life happens, but not on test days: thresholds stay identifiable.
            if outing.is_test or dice.random() > 0.13:
                yield outing


def _day(day: int, on: date, dice: np.random.Generator) -> list[Outing]:
    if day in REST or day in {TRIATHLON_DAY - 1, RACE_DAY - 1}:
        return []
    if day == TRIATHLON_DAY:
        return [Outing(day, on, "triathlon", "race_triathlon")]
    if day == RACE_DAY:
        return [Outing(day, on, "run", "race_10k")]
    week = (on.toordinal() - 1) // 7
    winter = on.month in {11, 12, 1, 2}
    planned = _WEEKS[week % 4].get(on.weekday())
    if planned is None:
        return []
    sport, words = planned
    work = words[int(dice.integers(len(words)))]
    if sport == "swim" and week % 3 == 0:
        work = "test_400_200"
    if REST.stop <= day < REST.stop + 10 and sport != "swim":
        work = "easy"
    indoor = bool(sport == "bike" and (winter or work in {"threshold", "vo2max"}) and work != "long")
    if sport == "run" and winter and work == "easy" and dice.random() < 0.5:
        work, indoor = "treadmill", True
    return [Outing(day, on, sport, work, indoor)]


_WEEKS: tuple[dict[int, tuple[str, tuple[str, ...]]], ...] = (
    {
        0: ("swim", ("endurance", "intervals")),
        1: ("bike", ("test_3_12",)),
        3: ("run", ("easy", "tempo")),
        5: ("bike", ("long", "endurance")),
    },
    {
        1: ("bike", ("threshold", "vo2max")),
        2: ("run", ("test_1500_3000",)),
        6: ("bike", ("long", "endurance")),
    },
    {
        1: ("bike", ("test_5_20",)),
        3: ("run", ("intervals", "tempo")),
        5: ("run", ("long", "easy")),
    },
    {
        2: ("swim", ("endurance", "intervals")),
        5: ("bike", ("endurance",)),
        6: ("run", ("test_5000",)),
    },
)
"""Four weeks of training by weekday (0 is Monday), the fourth an easy one; the calendar's weeks count through."""
