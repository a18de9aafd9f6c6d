"""Personal records: an activity's best against the bests before it, in order of time (docs/science.md section 8)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from perf_pipeline.physiology.efforts import CONFIRMED, REJECTED
from perf_pipeline.physiology.record_places import (
    ALL_TIME,
    LAST_90_DAYS,
    SEASON,
    EffortColumns,
    record_places,
)

SCOPES = (ALL_TIME, SEASON, LAST_90_DAYS)
"""From the widest down: a record is told by the widest scope that it holds in."""
NOISE = 0.01
_POSITION_NOISE_METERS = 7.0
"""Two ends of a window, each known to 5 m: of 400 m that is more than 1 %."""
_SHORT_METERS = 1500.0
DISQUALIFYING = frozenset({"hasty_length"})
"""Doubts that are certainties: a length that the watch counted twice makes the distance wrong."""
PACE_SPORTS = frozenset({"run", "walk", "swim"})
SPEED_SPORTS = frozenset({"bike", "row", "paddle", "skate"})
LEAST_SPEED_SECONDS = 300


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
    return noise_over(effort.sport, effort.distance_meters)


def noise_over(sport: str, distance_meters: float | None) -> float:
    """As `noise_of`, of any effort in the sport over the distance, None for a duration."""
    if distance_meters is None or sport == "swim":
        return NOISE
    return max(NOISE, _POSITION_NOISE_METERS / distance_meters)


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
    numbers: dict[tuple[object, ...], int] = {}
    columns = EffortColumns(
        kind=np.array([numbers.setdefault(_key(e), len(numbers)) for e in usable], dtype=np.int64),
        merit=np.array([e.merit for e in usable], dtype=np.float64),
        recorded_at=np.array([e.recorded_at for e in usable], dtype=np.float64),
        season=np.array([e.season for e in usable], dtype=np.int64),
        confirmed=np.array([e.grade == CONFIRMED for e in usable], dtype=np.bool_),
        noise=np.array([noise_of(e) for e in usable], dtype=np.float64),
        short=np.array([is_short(e.sport, e.distance_meters) for e in usable], dtype=np.bool_),
    )
    wanted = set(new_activity_ids) if new_activity_ids is not None else None
    found = records_in(columns, usable.__getitem__)
    return tuple(record for record in found if wanted is None or record.effort.activity_id in wanted)


def records_in(columns: EffortColumns, effort_of: Callable[[int], RecordedEffort]) -> Iterator[Record]:
    """The records in columns of usable efforts, in order of time; `effort_of` makes the effort of a row.

    Of a long history only the few rows that matter are asked for.
    """
    for place in record_places(columns):
        beaten = (Beaten(one.scope, effort_of(one.row), one.gain, one.earlier) for one in place.beaten)
        yield Record(effort_of(place.row), tuple(beaten))


def is_short(sport: str, distance_meters: float | None) -> bool:
    """Whether a receiver may have moved faster than the athlete: short distances on foot."""
    return sport != "swim" and distance_meters is not None and distance_meters <= _SHORT_METERS


def _key(e: RecordedEffort) -> tuple[object, ...]:
    """What competes: the same sport, kind, and duration or distance."""
    return e.sport, e.effort_type, e.distance_meters if e.distance_meters is not None else e.duration_seconds


def _order(e: RecordedEffort) -> tuple[float, str, str, int, float]:
    return e.recorded_at, e.activity_id, e.effort_type, e.duration_seconds, e.distance_meters or 0.0
