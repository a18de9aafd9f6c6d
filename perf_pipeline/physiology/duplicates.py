"""Which activities of one athlete are the same activity, recorded or written twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.cleaning import CleanStreams
from perf_pipeline.physiology.distance import haversine_meters

FloatArray = NDArray[np.float64]

STEP_MS = 10_000
_CHANNELS = ("speed_mps", "heart_rate_bpm", "latitude_degrees", "longitude_degrees")
_LEAST_OVERLAP = 0.5
_COVERS = 0.5
_MOST_STEPS = 120_000
_BRIDGED_STEPS = 12
_APART_METERS = 500.0
_LEAST_SAMPLES = 12
_MOST_LAG = 60
_HOUR_MS = 3_600_000
_MOST_HOURS = 14
_SHIFT_SLACK_MS = 60_000
_SAME_SHARE = 0.02
_SAME_CORRELATION = 0.97
_KIN = frozenset({"run", "walk", "hike"})
MOST_SHIFT_MS = _MOST_HOURS * _HOUR_MS + _SHIFT_SLACK_MS
"""No two recordings of one activity begin further apart, unless they overlap."""


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """Means over the ten seconds since `first_step` x 10 s (UTC, since 1970) and the following, NaN where unknown.

    `speed`, `heart_rate`, `latitude`, `longitude` (k,). `recorded` (k,): whether there were records, silences of up to
    two minutes filled in; None where nobody looked.
    """

    first_step: int
    speed: FloatArray
    heart_rate: FloatArray
    latitude: FloatArray
    longitude: FloatArray
    recorded: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """What is compared of an activity. `file_hash`: sessions of one file are never each other's duplicates.
    `sport_told`: the file or a person named the sport, it was not guessed.
    """

    activity_id: str
    start_ms: int
    end_ms: int
    sport: str
    distance_meters: float | None = None
    device: str | None = None
    file_hash: str | None = None
    has_power: bool = False
    has_heart_rate: bool = False
    has_positions: bool = False
    signature: Signature | None = None
    sport_told: bool = True

    @property
    def duration_ms(self) -> int:
        return max(self.end_ms - self.start_ms, 0)

    @property
    def recorded_ms(self) -> int:
        """How much of its time has records: a clock that went mad makes an activity long, not full."""
        if self.signature is None or self.signature.recorded is None:
            return self.duration_ms
        return min(self.duration_ms, STEP_MS * int(self.signature.recorded.sum()))


@dataclass(frozen=True, slots=True)
class Duplicate:
    """`superseded` is the same activity as `kept`. `reason`: why they are the same and why that one is kept."""

    kept: str
    superseded: str
    reason: str


def signature_of(clean: CleanStreams) -> Signature:
    """The signature of an activity's cleaned streams; up to two weeks long, empty where there are no records."""
    if len(clean) == 0:
        nothing = np.empty(0)
        return Signature(clean.start_ms // STEP_MS, nothing, nothing, nothing, nothing, nothing.astype(bool))
    steps = (clean.start_ms + np.round(clean.seconds * 1000).astype(np.int64)) // STEP_MS
    first = int(steps[0])
    at = np.minimum(steps - first, _MOST_STEPS)
    columns = []
    for name in _CHANNELS:
        values = clean.get(name)
        known = np.isfinite(values) if values is not None else np.zeros(len(clean), dtype=bool)
        count = np.bincount(at[known], minlength=int(at[-1]) + 1)
        total = np.bincount(at[known], weights=values[known] if values is not None else None, minlength=int(at[-1]) + 1)
        columns.append(np.where(count > 0, total / np.maximum(count, 1), np.nan))
    speed, heart_rate, latitude, longitude = columns
    return Signature(first, speed, heart_rate, latitude, longitude, _recorded(at))


def _recorded(at: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Steps with a record, and those of a silence so short that smart recording may have left it."""
    present = np.unique(at)
    marks = np.zeros(int(at[-1]) + 1, dtype=bool)
    marks[present] = True
    for before, after in zip(present[:-1].tolist(), present[1:].tolist(), strict=True):
        if 1 < after - before <= _BRIDGED_STEPS:
            marks[before:after] = True
    return marks


def find_duplicates(activities: Sequence[Description]) -> tuple[Duplicate, ...]:
    """Each activity that is another one's duplicate, with the one that is kept; the order of the input does not matter.

    Two recordings of compatible sports are one activity where they share at least half of the shorter one's recorded
    time and their tracks, shifted by up to 10 min for a wrong clock, are not 500 m apart: an athlete is in one place.
    They are also one where they lie whole hours apart (a local time written as UTC), are as long and as far within
    2 %, and speed and heart rate go up and down together (r of 0.97). Kept is the richer: power before heart rate
    before positions before length; but one that covers less than half of another never stands for it.
    """
    pairs: dict[str, dict[str, str]] = {}
    by_id = {one.activity_id: one for one in activities}
    for a, b, why in _matches(sorted(activities, key=lambda x: (x.start_ms, x.end_ms, x.activity_id))):
        pairs.setdefault(a.activity_id, {})[b.activity_id] = why
        pairs.setdefault(b.activity_id, {})[a.activity_id] = why
    found: list[Duplicate] = []
    kept: list[str] = []
    for activity_id in sorted(pairs, key=lambda i: _richness(by_id[i]), reverse=True):
        one = by_id[activity_id]
        rivals = [other for other in kept if other in pairs[activity_id]]
        shifted = any("hours" in pairs[activity_id][other] for other in rivals)
        if rivals and (shifted or _covered(one, [by_id[other] for other in rivals]) >= _COVERS):
            best = max(rivals, key=lambda other: (_shared_ms(one, by_id[other]), other))
            found.append(Duplicate(best, activity_id, f"{pairs[activity_id][best]}; {_richer(by_id[best], one)}"))
            continue
        for other in rivals:  # richer, but only a part of this one
            kept.remove(other)
            reason = f"{pairs[activity_id][other]}; kept covers it and more"
            found = [d if d.kept != other else Duplicate(activity_id, d.superseded, d.reason) for d in found]
            found.append(Duplicate(activity_id, other, reason))
        kept.append(activity_id)
    return tuple(sorted(found, key=lambda d: (by_id[d.superseded].start_ms, d.superseded)))


def _matches(ordered: Sequence[Description]) -> Iterator[tuple[Description, Description, str]]:
    for number, a in enumerate(ordered):
        reach = max(a.duration_ms, MOST_SHIFT_MS)
        for b in ordered[number + 1 :]:
            if b.start_ms - a.start_ms > reach:
                break
            why = _same(a, b)
            if why is not None:
                yield a, b, why


def _same(a: Description, b: Description) -> str | None:
    """Why two recordings are of one activity, None where they are not."""
    if a.file_hash is not None and a.file_hash == b.file_hash:
        return None
    if not compatible(a.sport, b.sport, told=a.sport_told and b.sport_told):
        return None
    shorter = min(a.recorded_ms, b.recorded_ms)
    share = _shared_ms(a, b) / shorter if shorter > 0 else 0.0
    if share >= _LEAST_OVERLAP:
        apart = _meters_apart(a.signature, b.signature)
        if apart is not None and apart > _APART_METERS:
            return None
        return f"recorded at the same time ({100 * share:.0f} % of the shorter one)"
    return _hours_apart(a, b)


def compatible(sport: str, other: str, *, told: bool) -> bool:
    """Whether two recordings of these sports may be one activity; `told`: neither sport is a guess.

    >>> compatible("run", "walk", told=True), compatible("bike", "run", told=True)
    (True, False)
    """
    return not told or sport == other or "other" in (sport, other) or {sport, other} <= _KIN


def whole_hours(apart_ms: int) -> int | None:
    """How many hours two starts lie apart, where that is a whole number of 1 to 14 to within a minute."""
    hours = round(apart_ms / _HOUR_MS)
    return hours if 1 <= hours <= _MOST_HOURS and abs(apart_ms - hours * _HOUR_MS) <= _SHIFT_SLACK_MS else None


def _shared_ms(a: Description, b: Description) -> int:
    span = max(min(a.end_ms, b.end_ms) - max(a.start_ms, b.start_ms), 0)
    one, other = a.signature, b.signature
    if span == 0 or one is None or other is None or one.recorded is None or other.recorded is None:
        return span
    both = _common(one.first_step, one.recorded, other.first_step, other.recorded)
    return min(span, STEP_MS * int((both[0] & both[1]).sum()))


def _hours_apart(a: Description, b: Description) -> str | None:
    hours = whole_hours(b.start_ms - a.start_ms)
    if hours is None or a.signature is None or b.signature is None:
        return None
    if not _alike(a.duration_ms, b.duration_ms) or not _alike(a.distance_meters, b.distance_meters):
        return None
    lag = round((b.start_ms - a.start_ms) / STEP_MS)
    known = []
    for x, y in ((a.signature.speed, b.signature.speed), (a.signature.heart_rate, b.signature.heart_rate)):
        known.append(max((_correlation(a, b, x, y, lag + k) for k in (-1, 0, 1)), default=np.nan))
    apart = _meters_apart(a.signature, b.signature, lag)
    told = [r for r in known if np.isfinite(r)]
    if not told or min(told) < _SAME_CORRELATION or (apart is not None and apart > _APART_METERS):
        return None
    return f"the same course of speed and heart rate {hours} hours apart"


def _alike(x: float | None, y: float | None) -> bool:
    return x is None or y is None or abs(x - y) <= _SAME_SHARE * max(x, y)


def _correlation(a: Description, b: Description, x: FloatArray, y: FloatArray, lag: int) -> float:
    if a.signature is None or b.signature is None:
        return float("nan")
    one, other = _common(a.signature.first_step + lag, x, b.signature.first_step, y)
    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < _LEAST_SAMPLES or one[both].std() == 0 or other[both].std() == 0:
        return float("nan")
    return float(np.corrcoef(one[both], other[both])[0, 1])


def _meters_apart(a: Signature | None, b: Signature | None, lag: int | None = None) -> float | None:
    """Median distance of the tracks at the shift at which they are nearest; None where they cannot be compared."""
    if a is None or b is None:
        return None
    best: float | None = None
    for shift in (lag,) if lag is not None else range(-_MOST_LAG, _MOST_LAG + 1, 3):
        columns = [
            _common(a.first_step + shift, x, b.first_step, y)
            for x, y in ((a.latitude, b.latitude), (a.longitude, b.longitude))
        ]
        (lat1, lat2), (lon1, lon2) = columns
        both = np.isfinite(lat1) & np.isfinite(lat2) & np.isfinite(lon1) & np.isfinite(lon2)
        if both.sum() < _LEAST_SAMPLES:
            continue
        apart = float(np.median(haversine_meters(lat1[both], lon1[both], lat2[both], lon2[both])))
        best = apart if best is None else min(best, apart)
    return best


def _common(first_x: int, x: NDArray[Any], first_y: int, y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The parts of two series on one grid that lie over each other."""
    begin, end = max(first_x, first_y), min(first_x + len(x), first_y + len(y))
    if end <= begin:
        return x[:0], y[:0]
    return x[begin - first_x : end - first_x], y[begin - first_y : end - first_y]


def _richness(one: Description) -> tuple[bool, bool, bool, int, str, str]:
    # Of two files that are as rich one is kept with all its sessions.
    rich = (one.has_power, one.has_heart_rate, one.has_positions)
    return *rich, one.duration_ms, one.file_hash or "", one.activity_id


def _richer(kept: Description, other: Description) -> str:
    for name in ("power", "heart_rate", "positions"):
        if getattr(kept, f"has_{name}") and not getattr(other, f"has_{name}"):
            return f"kept has {name.replace('_', ' ')}"
    return "kept is longer" if kept.duration_ms > other.duration_ms else "both are as rich"


def _covered(one: Description, others: Sequence[Description]) -> float:
    """The share of one's time that the others cover together."""
    end = one.start_ms
    total = 0
    for other in sorted(others, key=lambda o: o.start_ms):
        begin = max(other.start_ms, end)
        stop = min(other.end_ms, one.end_ms)
        # What of the other lies in the silence of a mad clock covers nothing.
        total += min(max(stop - begin, 0), _shared_ms(one, other))
        end = max(end, stop)
    return total / one.recorded_ms if one.recorded_ms else 1.0
