"""Reads an athlete's efforts as the predictions see them: narrow rows; duplicates and rejected ones are left out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from perf_pipeline.physiology.effort_history import CURVES, Curve, History, build_history
from perf_pipeline.physiology.records import DISQUALIFYING
from perf_pipeline.pipeline.series import FIRST_CREDIBLE_DAY, local_day
from perf_pipeline.storage.columns import fetch_columns, places_of

# Candidates of runs and rides often hold a jump of the position. In a pool, distance is a count of lengths: all swims
# are candidates, and good, but for lengths that the watch counted twice.
_ACTIVITIES = text(
    """
    select a.id, a.type, a.started_at, a.utc_offset_seconds, a.timezone, p.timezone as home
    from activities a join profiles p on p.id = a.profile_id
    where a.profile_id = :profile and a.superseded_by is null and a.type in ('bike', 'run', 'swim')
    order by a.started_at, a.id
    """
)
_EFFORTS = """
    select e.activity_id, e.effort_type = 'power',
           coalesce(e.distance_meters, e.duration_seconds)::float8,
           coalesce(e.elapsed_seconds, e.value)::float8, e.start_offset
    from activity_efforts e join activities a on a.id = e.activity_id
    where e.profile_id = %(profile)s and e.effort_type in ('power', 'pace') and a.superseded_by is null
      and (e.grade = 'confirmed' or (e.grade = 'candidate' and a.type = 'swim'))
      and (e.effort_type = 'power') = (e.distance_meters is null)
      and (e.distance_meters is null or not coalesce(jsonb_exists_any(e.evidence -> 'reasons', %(spoiling)s), false))
    """
_KINDS = {
    "activity": "uuid", "is_power": "boolean", "size": "double precision", "amount": "double precision",
    "start": "integer",
}  # fmt: skip


def read_histories(connection: Connection, profile_id: UUID, today: date) -> list[tuple[Curve, History]]:
    """The history of every curve of which the athlete has efforts, with local days from the first credible one."""
    known: list[tuple[UUID, str, int]] = []
    for row in connection.execute(_ACTIVITIES, {"profile": profile_id}):
        day = local_day(row.started_at, row.utc_offset_seconds, row.timezone, row.home)
        if day >= FIRST_CREDIBLE_DAY and row.started_at.astimezone(UTC).date() <= today:
            known.append((row.id, row.type, day.toordinal()))
    parameters = {"profile": profile_id, "spoiling": sorted(DISQUALIFYING)}
    efforts = fetch_columns(connection, _EFFORTS, parameters, _KINDS)
    # Places in the order of time.
    place = places_of(efforts["activity"], [activity_id for activity_id, _, _ in known])
    sports = np.array([sport for _, sport, _ in known])
    found = []
    for curve in CURVES:
        mine = np.flatnonzero((place >= 0) & (efforts["is_power"] == (curve.kind == "power")))
        mine = mine[sports[place[mine]] == curve.sport] if known else mine
        if len(mine):
            order = mine[np.lexsort((efforts["size"][mine], place[mine]))]
            found.append((curve, _history(curve, known, place[order], {k: v[order] for k, v in efforts.items()})))
    return found


def _history(
    curve: Curve, known: Sequence[tuple[UUID, str, int]], place: NDArray[np.int64], efforts: Mapping[str, NDArray[Any]]
) -> History:
    activities = [known[p] for p in place.tolist()]
    names, days = [one[0] for one in activities], [one[2] for one in activities]
    return build_history(curve, names, days, efforts["size"], efforts["amount"], efforts["start"])


def digests(history: History, days: Sequence[int], version: str) -> dict[int, str]:
    """For each day a hash of the code and of all efforts up to it: while it holds, so does what was said as of that day
    and any before.
    """
    found: dict[int, str] = {}
    running = hashlib.sha256(f"{version} {history.curve.sport} {history.curve.kind}".encode())
    row = 0
    for day in sorted(set(days)):
        for row in range(row, history.until(day)):  # noqa: B020 - it goes on from where it was
            known = np.isfinite(history.y[row])
            running.update(str((history.activities[row], int(history.day[row]))).encode())
            for part in (history.sizes, history.y[row], history.start[row]):
                running.update(part[known].tobytes())
        row = history.until(day)
        found[day] = running.copy().hexdigest()[:32]
    return found
