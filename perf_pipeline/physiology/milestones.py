"""What an athlete reaches for the first time: round counts and totals, first long distances, streaks, fitness highs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

COUNTS = (1, 10, 50, 100, 250, 500, 1000, 1500, 2000, 2500, 3000, 4000, 5000, 7500, 10_000)
DISTANCES_KM = (100, 500, 1000, 2500, 5000, 10_000, 20_000, 30_000, 40_075, 50_000, 75_000, 100_000, 150_000, 200_000)
HOURS = (10, 50, 100, 250, 500, 1000, 2000, 3000, 5000, 7500, 10_000)
CLIMBED_METERS = (1000, 8849, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000)
STREAK_DAYS = (7, 14, 21, 30, 50, 75, 100, 150, 200, 300, 365, 500, 730, 1000)
FIRSTS: dict[str, tuple[tuple[str, float], ...]] = {
    "run": (("first half marathon", 21_097.5), ("first marathon", 42_195.0), ("first 100 km run", 100_000.0)),
    "bike": (("first 100 km ride", 100_000.0), ("first century ride", 160_934.4), ("first 200 km ride", 200_000.0)),
    "swim": (("first 1,500 m swim", 1500.0), ("first 3.8 km swim", 3800.0)),
}
_LEAST_CTL = 20.0
_CTL_STEP = 5.0
_CTL_SETTLED_DAYS = 42


@dataclass(frozen=True, slots=True)
class Done:
    """An activity that counts: no duplicate of another. `distance_meters` and the like are 0 where not known."""

    activity_id: str
    day: date
    sport: str
    start_ms: int
    distance_meters: float = 0.0
    duration_seconds: float = 0.0
    elevation_gain_meters: float = 0.0


@dataclass(frozen=True, slots=True)
class Milestone:
    """`kind`: count, distance, hours, climbed, first, streak, fitness. `value` was reached, in `unit`, on `day` by an
    activity (None for fitness). (kind, sport, name) tells it from every other of the athlete.
    """

    kind: str
    name: str
    value: float
    unit: str
    day: date
    activity_id: str | None
    sport: str | None = None


def milestones(done: Sequence[Done], ctl: Sequence[tuple[date, float]] = ()) -> tuple[Milestone, ...]:
    """All milestones in order of day; neither the order of the input nor what comes later changes an earlier one.

    Totals are over all sports for hours, climbing and counts, by sport for distance. A streak is of days in a row with
    an activity, told when its length is first reached. Fitness: `ctl` by day (rising), told when it exceeds all before
    by 5 since it was last told, above 20 and after its first 42 days.
    """
    ordered = sorted(done, key=lambda a: (a.day, a.start_ms, a.activity_id))
    found = [*_totals(ordered), *_firsts(ordered), *_streaks(ordered), *_fitness(ctl)]
    return tuple(sorted(found, key=lambda m: (m.day, m.kind, m.sport or "", m.value)))


def _totals(ordered: Sequence[Done]) -> Iterator[Milestone]:
    totals: dict[tuple[str, str | None], float] = {}
    for a in ordered:
        for kind, sport, steps, unit, more in (
            ("count", None, COUNTS, "activities", 1.0),
            ("hours", None, HOURS, "h", max(a.duration_seconds, 0.0) / 3600.0),
            ("climbed", None, CLIMBED_METERS, "m", max(a.elevation_gain_meters, 0.0)),
            ("distance", a.sport, DISTANCES_KM, "km", max(a.distance_meters, 0.0) / 1000.0),
        ):
            before = totals.get((kind, sport), 0.0)
            after = totals[kind, sport] = before + more
            for step in steps:
                if before < step <= after:
                    yield Milestone(kind, f"{step:,} {unit}", float(step), unit, a.day, a.activity_id, sport)


def _firsts(ordered: Sequence[Done]) -> Iterator[Milestone]:
    reached: set[str] = set()
    for a in ordered:
        for name, meters in FIRSTS.get(a.sport, ()):
            if name not in reached and a.distance_meters >= meters:
                reached.add(name)
                yield Milestone("first", name, meters, "m", a.day, a.activity_id, a.sport)


def _streaks(ordered: Sequence[Done]) -> Iterator[Milestone]:
    longest = length = 0
    last: date | None = None
    for a in ordered:
        if last == a.day:
            continue
        length = length + 1 if last is not None and a.day == last + timedelta(days=1) else 1
        last = a.day
        if length > longest:
            longest = length
            if length in STREAK_DAYS:
                yield Milestone("streak", f"{length} days in a row", float(length), "d", a.day, a.activity_id)


def _fitness(ctl: Sequence[tuple[date, float]]) -> Iterator[Milestone]:
    told = _LEAST_CTL
    high = 0.0
    for number, (day, value) in enumerate(ctl):
        if number >= _CTL_SETTLED_DAYS and value > high and value >= told + _CTL_STEP:
            told = value
            yield Milestone("fitness", f"highest fitness so far: {value:.0f}", round(value, 1), "TSS/d", day, None)
        high = max(high, value)
        if number < _CTL_SETTLED_DAYS:
            told = max(told, value)
