"""Reads an athlete's efforts as the predictions see them: narrow rows; duplicates and rejected ones are left out."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date
from operator import itemgetter
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import Connection, text

from perf_pipeline.physiology.effort_history import CURVES, Curve, History, build_history
from perf_pipeline.physiology.records import DISQUALIFYING
from perf_pipeline.pipeline.series import FIRST_CREDIBLE_DAY, local_day

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
_EFFORTS = text(
    """
    select e.activity_id, e.effort_type = 'power' as is_power,
           coalesce(e.distance_meters, e.duration_seconds)::float8 as size,
           coalesce(e.elapsed_seconds, e.value)::float8 as amount, e.start_offset
    from activity_efforts e join activities a on a.id = e.activity_id
    where e.profile_id = :profile and e.effort_type in ('power', 'pace') and a.superseded_by is null
      and (e.grade = 'confirmed' or (e.grade = 'candidate' and a.type = 'swim'))
      and (e.effort_type = 'power') = (e.distance_meters is null)
      and (e.distance_meters is null or not coalesce(jsonb_exists_any(e.evidence -> 'reasons', :spoiling), false))
    """
)


def read_histories(connection: Connection, profile_id: UUID, today: date) -> list[tuple[Curve, History]]:
    """The history of every curve of which the athlete has efforts, with local days from the first credible one."""
    order: dict[UUID, tuple[int, str, int]] = {}
    for number, row in enumerate(connection.execute(_ACTIVITIES, {"profile": profile_id})):
        day = local_day(row.started_at, row.utc_offset_seconds, row.timezone, row.home)
        if day >= FIRST_CREDIBLE_DAY and row.started_at.astimezone(UTC).date() <= today:
            order[row.id] = (number, row.type, day.toordinal())
    found: dict[tuple[str, str], list[Any]] = defaultdict(list)
    told = connection.execute(_EFFORTS, {"profile": profile_id, "spoiling": sorted(DISQUALIFYING)})
    for activity_id, is_power, size, amount, start_offset in told:
        if (activity := order.get(activity_id)) is not None:
            place, sport, ordinal = activity
            kind = "power" if is_power else "distance"
            found[sport, kind].append((place, size, activity_id, ordinal, amount, start_offset))
    return [
        (curve, _history(curve, found[curve.sport, curve.kind]))
        for curve in CURVES
        if (curve.sport, curve.kind) in found
    ]


def _history(curve: Curve, efforts: list[Any]) -> History:
    efforts.sort(key=itemgetter(0, 1))
    _, sizes, activities, days, amounts, starts = zip(*efforts, strict=True)
    return build_history(curve, activities, days, np.array(sizes), np.array(amounts), np.array(starts))


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
