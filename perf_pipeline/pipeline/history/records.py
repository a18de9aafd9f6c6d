"""Reads an athlete's records out of the efforts: as columns, of which only the few rows that matter become objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from perf_pipeline.physiology.record_places import EffortColumns
from perf_pipeline.physiology.records import (
    DISQUALIFYING,
    Record,
    RecordedEffort,
    is_short,
    noise_over,
    records_in,
    tells_of_the_athlete,
)
from perf_pipeline.pipeline.stages.record_notices import NotedActivity
from perf_pipeline.storage.columns import fetch_columns, places_of

TYPES = ("power", "pace", "speed")
CONFIRMED, CANDIDATE = "confirmed", "candidate"
_EFFORTS = """
    select e.activity_id, array_position(%(types)s::text[], e.effort_type::text), e.duration_seconds,
           coalesce(e.distance_meters, -1)::float8, e.value::float8, extract(epoch from e.recorded_at)::float8,
           e.start_offset, e.grade = 'confirmed'
    from activity_efforts e
    where e.profile_id = %(profile)s and e.grade <> 'rejected' and e.effort_type::text = any(%(types)s::text[])
      and (e.distance_meters is null or not coalesce(jsonb_exists_any(e.evidence -> 'reasons', %(spoiling)s), false))
    """
_KINDS = {
    "activity": "uuid", "type": "integer", "seconds": "integer", "meters": "double precision",
    "value": "double precision", "recorded_at": "double precision", "start": "integer", "confirmed": "boolean",
}  # fmt: skip
_NO_DISTANCE = -1.0


def read_records(connection: Connection, profile_id: UUID, series: Sequence[NotedActivity]) -> dict[str, list[Record]]:
    """All records of the series, in order of time, by the activity that holds them."""
    parameters = {"profile": profile_id, "types": list(TYPES), "spoiling": sorted(DISQUALIFYING)}
    told = fetch_columns(connection, _EFFORTS, parameters, _KINDS)
    told["place"] = places_of(told["activity"], [activity.id for activity in series])
    told = _in_time({name: column[told["place"] >= 0] for name, column in told.items()})
    sports = sorted({activity.sport for activity in series})
    sport = np.array([sports.index(activity.sport) for activity in series], dtype=np.int64)[told["place"]]
    size = np.where(told["meters"] == _NO_DISTANCE, told["seconds"], told["meters"])
    sizes, of_size = np.unique(size, return_inverse=True)
    keys, kind = np.unique((sport * len(TYPES) + told["type"] - 1) * len(sizes) + of_size, return_inverse=True)
    kinds = ((*divmod(key // len(sizes), len(TYPES)), key % len(sizes)) for key in keys.tolist())
    named = [(sports[s], TYPES[t], float(sizes[z])) for s, t, z in kinds]
    usable = np.array([tells_of_the_athlete(s, t, z) for s, t, z in named], dtype=np.bool_)[kind]
    usable &= np.isfinite(told["value"]) & (told["value"] > 0)
    told, kind = {name: column[usable] for name, column in told.items()}, kind[usable]
    paces = [t == "pace" for _, t, _ in named]
    over = [(s, z if pace else None) for (s, _, z), pace in zip(named, paces, strict=True)]
    columns = EffortColumns(
        kind=kind,
        merit=np.where(np.array(paces, dtype=np.bool_)[kind], 1.0 / told["value"], told["value"]),
        recorded_at=told["recorded_at"],
        season=np.array([activity.day.year for activity in series], dtype=np.int64)[told["place"]],
        confirmed=told["confirmed"],
        noise=np.array([noise_over(s, meters) for s, meters in over])[kind],
        short=np.array([is_short(s, meters) for s, meters in over], dtype=np.bool_)[kind],
    )
    found: dict[str, list[Record]] = defaultdict(list)
    for record in records_in(columns, partial(_effort, told, series)):
        found[record.effort.activity_id].append(record)
    return found


def _in_time(told: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The rows in order of time, those of one moment in an order of their own."""
    order = np.lexsort((told["meters"], told["seconds"], told["type"], told["activity"], told["recorded_at"]))
    return {name: column[order] for name, column in told.items()}


def _effort(told: dict[str, NDArray[Any]], series: Sequence[NotedActivity], row: int) -> RecordedEffort:
    activity, meters = series[told["place"][row]], float(told["meters"][row])
    return RecordedEffort(
        str(activity.id),
        activity.sport,
        TYPES[int(told["type"][row]) - 1],
        int(told["seconds"][row]),
        float(told["value"][row]),
        float(told["recorded_at"][row]),
        None if meters == _NO_DISTANCE else meters,
        CONFIRMED if told["confirmed"][row] else CANDIDATE,
        activity.day.year,
        float(told["start"][row]),
    )
