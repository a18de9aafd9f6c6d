"""Personal records: an activity's best against the bests before it, in order of time."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.efforts import REJECTED

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ALL_TIME, LAST_90_DAYS = "all_time", "last_90_days"
NOISE = 0.01
_WINDOW_SECONDS = 90 * 86_400.0


@dataclass(frozen=True, slots=True)
class RecordedEffort:
    """A stored effort. `recorded_at`: seconds since 1970, UTC. `distance_meters`: for pace alone."""

    activity_id: str
    sport: str
    effort_type: str
    duration_seconds: int
    value: float
    recorded_at: float
    distance_meters: float | None = None
    grade: str = "confirmed"


@dataclass(frozen=True, slots=True)
class Record:
    """An effort that beat what was there before by more than noise.

    `scope`: all_time or last_90_days (an all-time record is told once, as such). `previous` held it; `gain`
    is the improvement as a share of the previous value, above zero for faster as for stronger.
    """

    effort: RecordedEffort
    scope: str
    previous: RecordedEffort
    gain: float


def find_records(
    history: Sequence[RecordedEffort], new_activity_ids: Collection[str] | None = None
) -> tuple[Record, ...]:
    """All records in the history, in order of time; only those of `new_activity_ids` where they are given.

    The first effort of its kind is no record: there is nothing to beat. A gain of at most 1 % is a tie.
    Rejected efforts neither are records nor have to be beaten. The order of the input does not matter.
    """
    usable = [e for e in history if e.grade != REJECTED and np.isfinite(e.value) and e.value > 0]
    usable.sort(key=_order)
    keys: dict[tuple[object, ...], int] = {}
    codes = np.fromiter((keys.setdefault(_key(e), len(keys)) for e in usable), np.int64, len(usable))
    merit = np.fromiter((1 / e.value if e.effort_type == "pace" else e.value for e in usable), float, len(usable))
    times = np.fromiter((e.recorded_at for e in usable), float, len(usable))
    records = []
    wanted = set(new_activity_ids) if new_activity_ids is not None else None
    for row, all_time, previous in record_rows(codes, merit, times):
        effort = usable[row]
        if wanted is None or effort.activity_id in wanted:
            gain = float(merit[row] / merit[previous] - 1)
            records.append(Record(effort, ALL_TIME if all_time else LAST_90_DAYS, usable[previous], gain))
    return tuple(records)


def record_rows(codes: IntArray, merit: FloatArray, times: FloatArray) -> list[tuple[int, bool, int]]:
    """Rows that are records: (row, whether of all time, row that was beaten), in order of rows.

    `codes` (n,): rows of one code compete. `merit` (n,): the higher the better. `times` (n,): seconds, rising
    within a code.
    """
    found: list[tuple[int, bool, int]] = []
    order = np.argsort(codes, kind="stable")
    cuts = np.flatnonzero(np.diff(codes[order])) + 1
    for rows in np.split(order, cuts):
        found += _records_of_one_kind(rows.tolist(), merit[rows].tolist(), times[rows].tolist())
    return sorted(found)


def _records_of_one_kind(rows: list[int], merit: list[float], times: list[float]) -> list[tuple[int, bool, int]]:
    found: list[tuple[int, bool, int]] = []
    best = -1
    recent: deque[int] = deque()  # falling merit: the first is the best of the last 90 days
    for i, (value, now) in enumerate(zip(merit, times, strict=True)):
        while recent and times[recent[0]] < now - _WINDOW_SECONDS:
            recent.popleft()
        if best >= 0 and value > merit[best] * (1 + NOISE):
            found.append((rows[i], True, rows[best]))
        elif recent and value > merit[recent[0]] * (1 + NOISE):
            found.append((rows[i], False, rows[recent[0]]))
        while recent and merit[recent[-1]] <= value:
            recent.pop()
        recent.append(i)
        if best < 0 or value > merit[best]:
            best = i
    return found


def _key(e: RecordedEffort) -> tuple[object, ...]:
    """What competes: the same sport, kind, and duration or distance."""
    return e.sport, e.effort_type, e.distance_meters if e.distance_meters is not None else e.duration_seconds


def _order(e: RecordedEffort) -> tuple[float, str, str, int, float]:
    return e.recorded_at, e.activity_id, e.effort_type, e.duration_seconds, e.distance_meters or 0.0
