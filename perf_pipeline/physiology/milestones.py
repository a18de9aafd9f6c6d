"""What an athlete reaches for the first time: round counts and totals, first long distances, streaks, highs of fitness,
and thresholds that rose by more than they are uncertain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from perf_pipeline.physiology.beginnings import first_settled_day

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
_MIXED = ("other", "transition")
"""Not one sport: their kilometres add up to nothing."""
_LEAST_CTL = 20
_CTL_STEP = 5
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
class KnownThreshold:
    """What a model says of a sport as of a day, with the 90 % interval. `unit`: W or m/s."""

    sport: str
    model: str
    day: date
    value: float
    low: float
    high: float
    unit: str


@dataclass(frozen=True, slots=True)
class Milestone:
    """`kind`: count, distance, hours, climbed, first, streak, fitness or threshold. `value` was reached, in `unit`, on
    `day` by an activity (None for fitness and threshold). (kind, sport, key) tells it from every other of the athlete.
    `evidence`: the numbers that decided.
    """

    kind: str
    name: str
    value: float
    unit: str
    day: date
    activity_id: str | None
    sport: str | None = None
    key: str = ""
    evidence: Mapping[str, object] = field(default_factory=dict)


def milestones(
    done: Sequence[Done], ctl: Sequence[tuple[date, float]] = (), thresholds: Sequence[KnownThreshold] = ()
) -> tuple[Milestone, ...]:
    """All milestones in order of day; neither the order of the input nor what comes later changes an earlier one.

    Totals are over all sports for hours, climbing and counts, by sport for distance. A streak is of days in a row with
    an activity, told when its length is first reached. Fitness: `ctl` by day (rising), told when it first passes a
    multiple of 5 above 20 after its first 42 days, in which it only fills up. Threshold: told when it lies above the
    interval of the highest told before (at first, of the first known) and that one below its own interval. Stray days
    before the first settled one (a clock that was never set) count for nothing: nobody knows when they were.
    """
    first = first_settled_day(a.day for a in done)
    settled = [a for a in done if first is not None and a.day >= first]
    ordered = sorted(settled, key=lambda a: (a.day, a.start_ms, a.activity_id))
    found = [*_totals(ordered), *_firsts(ordered), *_streaks(ordered), *_fitness(ctl), *_thresholds(thresholds)]
    return tuple(sorted(found, key=lambda m: (m.day, m.kind, m.sport or "", m.value, m.key)))


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
                if before < step <= after and sport not in _MIXED:
                    name = "first activity" if (kind, step) == ("count", 1) else f"{step:,} {unit}"
                    evidence = {"before": round(before, 3), "after": round(after, 3)}
                    yield Milestone(kind, name, float(step), unit, a.day, a.activity_id, sport, str(step), evidence)


def _firsts(ordered: Sequence[Done]) -> Iterator[Milestone]:
    reached: set[str] = set()
    for a in ordered:
        for name, meters in FIRSTS.get(a.sport, ()):
            if name not in reached and a.distance_meters >= meters:
                reached.add(name)
                evidence = {"distance_meters": a.distance_meters}
                yield Milestone("first", name, meters, "m", a.day, a.activity_id, a.sport, name, evidence)


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
                name, began = f"{length} days in a row", a.day - timedelta(days=length - 1)
                evidence = {"first_day": began.isoformat()}
                yield Milestone("streak", name, float(length), "d", a.day, a.activity_id, None, str(length), evidence)


def _fitness(ctl: Sequence[tuple[date, float]]) -> Iterator[Milestone]:
    told = _LEAST_CTL
    for number, (day, value) in enumerate(ctl):
        step = int(value // _CTL_STEP) * _CTL_STEP
        if step > told:
            told = step
            if number >= _CTL_SETTLED_DAYS:
                name = f"fitness (CTL) of {step} for the first time"
                evidence = {"ctl": round(value, 1)}
                yield Milestone("fitness", name, float(step), "TSS/d", day, None, None, str(step), evidence)


def _thresholds(known: Sequence[KnownThreshold]) -> Iterator[Milestone]:
    standing: dict[tuple[str, str], KnownThreshold] = {}
    for now in sorted(known, key=lambda t: (t.day, t.sport, t.model)):
        before = standing.setdefault((now.sport, now.model), now)
        if now.value > before.high and before.value < now.low:
            standing[now.sport, now.model] = now
            name = f"{now.model.replace('_', ' ')} up beyond its uncertainty"
            evidence = {
                "before": before.value, "before_interval": [before.low, before.high],
                "before_day": before.day.isoformat(), "interval": [now.low, now.high],
                "gain_percent": round(100 * (now.value / before.value - 1), 1),
            }  # fmt: skip
            key = f"{now.model} {now.day.isoformat()}"
            yield Milestone("threshold", name, now.value, now.unit, now.day, None, now.sport, key, evidence)
