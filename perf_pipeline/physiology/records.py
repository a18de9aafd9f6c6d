"""Personal records: an activity's best against the bests before it, in order of time (docs/science.md section 8)."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from perf_pipeline.physiology.efforts import CONFIRMED, REJECTED

ALL_TIME, SEASON, LAST_90_DAYS = "all_time", "season", "last_90_days"
SCOPES = (ALL_TIME, SEASON, LAST_90_DAYS)
"""From the widest down: a record is told by the widest scope that it holds in."""
NOISE = 0.01
_POSITION_NOISE_METERS = 7.0
"""Two ends of a window, each known to 5 m: of 400 m that is more than 1 %."""
LARGEST_DOUBTFUL_GAIN = 0.10
"""A candidate that would be better by more is taken for the fault that it is suspected of."""
_WELL_KNOWN_EFFORTS, _LARGEST_SHORT_GAIN, _SHORT_METERS = 50, 0.20, 1500.0
"""After so many efforts over a short distance on foot a gain of more than that is the receiver's, not the runner's: a
minute in a car, or a position that wandered."""
DISQUALIFYING = frozenset({"hasty_length"})
"""Doubts that are certainties: a length that the watch counted twice makes the distance wrong."""
PACE_SPORTS = frozenset({"run", "walk", "swim"})
SPEED_SPORTS = frozenset({"bike", "row", "paddle", "skate"})
LEAST_SPEED_SECONDS = 300
LEAST_BEFORE = 3
"""So many efforts of its kind there must be in a season, or in 90 days, before one of them can be beaten: else the
second ride after every winter would be a record."""
_WINDOW_SECONDS = 90 * 86_400.0


@dataclass(frozen=True, slots=True)
class RecordedEffort:
    """A stored effort. `recorded_at`: seconds since 1970, UTC. `distance_meters`: for pace alone. `season`: the
    calendar year of the athlete's local day. `start_seconds`: since the activity's start. `doubts` decided the `grade`.
    """

    activity_id: str
    sport: str
    effort_type: str
    duration_seconds: int
    value: float
    recorded_at: float
    distance_meters: float | None = None
    grade: str = CONFIRMED
    season: int = 0
    start_seconds: float = 0.0
    doubts: tuple[str, ...] = ()

    @property
    def merit(self) -> float:
        """The higher, the better: W, m/s, or the inverse of a pace."""
        return 1.0 / self.value if self.effort_type == "pace" else self.value

    @property
    def end_seconds(self) -> float:
        return self.start_seconds + self.duration_seconds


def tells_of_the_athlete(sport: str, effort_type: str, duration_seconds: float) -> bool:
    """Whether a best of this kind is a feat: power always, pace where people race over distances, speed where they do
    not and over 5 min at least (less is a hill or the wind). On a hike the terrain decides, and `other` is many sports.
    """
    if effort_type == "power":
        return True
    if effort_type == "pace":
        return sport in PACE_SPORTS
    return sport in SPEED_SPORTS and duration_seconds >= LEAST_SPEED_SECONDS


def noise_of(effort: RecordedEffort) -> float:
    """The share by which a better value may still be the same: 1 %, on foot at least what 7 m are of the distance."""
    if effort.distance_meters is None or effort.sport == "swim":
        return NOISE
    return max(NOISE, _POSITION_NOISE_METERS / effort.distance_meters)


@dataclass(frozen=True, slots=True)
class Beaten:
    """What a record beat in one scope: the best of the `earlier` efforts there, and by which share."""

    scope: str
    previous: RecordedEffort
    gain: float
    earlier: int


@dataclass(frozen=True, slots=True)
class Record:
    """An effort that beat what was there before by more than noise, in each of the scopes `beaten`, widest first."""

    effort: RecordedEffort
    beaten: tuple[Beaten, ...]

    @property
    def scope(self) -> str:
        return self.beaten[0].scope

    @property
    def previous(self) -> RecordedEffort:
        return self.beaten[0].previous

    @property
    def gain(self) -> float:
        """Share of the previous value by which it is better, above zero for faster as for stronger."""
        return self.beaten[0].gain


def find_records(
    history: Sequence[RecordedEffort], new_activity_ids: Collection[str] | None = None
) -> tuple[Record, ...]:
    """All records in the history, in order of time; only those of `new_activity_ids` where they are given.

    The first effort of its kind is no record: there is nothing to beat. A gain of no more than noise is a tie. Rejected
    efforts neither are records nor have to be beaten; a candidate has to beat everything, and by 10 % at most, a
    confirmed effort only what is confirmed, so that a doubtful value never stands in the way of a clean one. In a
    season, and in 90 days, three earlier efforts are asked for. The order of the input does not matter.
    """
    usable = [
        e
        for e in history
        if e.grade != REJECTED and np.isfinite(e.value) and e.value > 0 and not DISQUALIFYING.intersection(e.doubts)
    ]
    usable.sort(key=_order)
    standing: dict[tuple[object, ...], tuple[_Standing, _Standing]] = {}
    wanted = set(new_activity_ids) if new_activity_ids is not None else None
    records = []
    for effort in usable:
        clean, everything = standing.setdefault(_key(effort), (_Standing(), _Standing()))
        confirmed = effort.grade == CONFIRMED and not clean.beyond_belief(effort)
        if effort.grade == CONFIRMED and not confirmed:
            continue
        if wanted is None or effort.activity_id in wanted:
            beaten = (clean if confirmed else everything).beaten_by(effort)
            if beaten:
                records.append(Record(effort, beaten))
        everything.add(effort)
        if confirmed:
            clean.add(effort)
    return tuple(records)


@dataclass(slots=True)
class _Standing:
    """The bests of one kind so far: of all time, of the season, of the last 90 days."""

    best: RecordedEffort | None = None
    count: int = 0
    season: int = 0
    season_best: RecordedEffort | None = None
    season_count: int = 0
    recent: deque[RecordedEffort] = field(default_factory=deque)
    """Of falling merit: the first is the best of the last 90 days."""
    times: deque[float] = field(default_factory=deque)

    def beaten_by(self, effort: RecordedEffort) -> tuple[Beaten, ...]:
        self._forget(effort.recorded_at)
        in_season, noise = self.season == effort.season, noise_of(effort)
        most = np.inf if effort.grade == CONFIRMED else 1 + LARGEST_DOUBTFUL_GAIN
        known = (
            (ALL_TIME, self.best, self.count, 1),
            (SEASON, self.season_best if in_season else None, self.season_count, LEAST_BEFORE),
            (LAST_90_DAYS, self.recent[0] if self.recent else None, len(self.times), LEAST_BEFORE),
        )
        return tuple(
            Beaten(scope, previous, effort.merit / previous.merit - 1, count)
            for scope, previous, count, least in known
            if previous is not None
            and count >= least
            and previous.merit * (1 + noise) < effort.merit <= previous.merit * most
        )

    def beyond_belief(self, effort: RecordedEffort) -> bool:
        """Whether it is better than all before by more than a known runner gets better over a short distance."""
        if effort.sport == "swim" or effort.distance_meters is None or effort.distance_meters > _SHORT_METERS:
            return False
        known = self.best is not None and self.count >= _WELL_KNOWN_EFFORTS
        return known and self.best is not None and effort.merit > self.best.merit * (1 + _LARGEST_SHORT_GAIN)

    def add(self, effort: RecordedEffort) -> None:
        self._forget(effort.recorded_at)
        if self.season != effort.season:
            self.season, self.season_best, self.season_count = effort.season, None, 0
        self.count += 1
        self.season_count += 1
        self.best = _better(self.best, effort)
        self.season_best = _better(self.season_best, effort)
        while self.recent and self.recent[-1].merit <= effort.merit:
            self.recent.pop()
        self.recent.append(effort)
        self.times.append(effort.recorded_at)

    def _forget(self, now: float) -> None:
        while self.recent and self.recent[0].recorded_at < now - _WINDOW_SECONDS:
            self.recent.popleft()
        while self.times and self.times[0] < now - _WINDOW_SECONDS:
            self.times.popleft()


def _better(best: RecordedEffort | None, effort: RecordedEffort) -> RecordedEffort:
    return effort if best is None or effort.merit > best.merit else best


def _key(e: RecordedEffort) -> tuple[object, ...]:
    """What competes: the same sport, kind, and duration or distance."""
    return e.sport, e.effort_type, e.distance_meters if e.distance_meters is not None else e.duration_seconds


def _order(e: RecordedEffort) -> tuple[float, str, str, int, float]:
    return e.recorded_at, e.activity_id, e.effort_type, e.duration_seconds, e.distance_meters or 0.0
