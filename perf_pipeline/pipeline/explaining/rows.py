"""The rows that an explanation is made of: one narrow query each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

Row = dict[str, Any]

FIND: Mapping[str, str] = {
    "activity": "select id from activities where id::text like :start",
    "effort": "select id from activity_efforts where id::text like :start",
    "record": "select id from notifications where id::text like :start and type = 'personal_record'",
    "threshold": "select id from threshold_models where id::text like :start",
}
"""Ids that begin with the given characters, by kind."""

LATEST: Mapping[str, str] = {
    "activity": """
        select id, started_at::date::text || '  ' || type || '  ' || name as what from activities
        where profile_id = :profile order by started_at desc limit 10""",
    "effort": """
        select * from (
            select distinct on (e.effort_type, e.duration_seconds) e.id,
                   e.recorded_at::date::text || '  ' || e.effort_type || ' over ' ||
                   e.duration_seconds || ' s: ' ||
                   round(e.value, 2) || ' ' || e.unit as what
            from activity_efforts e join activities a on a.id = e.activity_id
            where e.profile_id = :profile and e.grade <> 'rejected' and a.superseded_by is null
              and e.effort_type = 'power' and e.duration_seconds in (5, 60, 300, 1200, 3600)
            order by e.effort_type, e.duration_seconds, e.value desc) power
        union all select * from (
            select distinct on (a.type, e.distance_meters) e.id,
                   e.recorded_at::date::text || '  ' || a.type || ' ' || e.distance_meters::float || ' m in ' ||
                   round(e.elapsed_seconds, 1) || ' s' as what
            from activity_efforts e join activities a on a.id = e.activity_id
            where e.profile_id = :profile and e.grade <> 'rejected' and a.superseded_by is null
              and e.distance_meters in (400, 1000, 5000, 10000, 21097.5)
            order by a.type, e.distance_meters, e.elapsed_seconds) distance""",
    "record": """
        select id, occurred_at::date::text || '  ' || title as what from notifications
        where profile_id = :profile and type = 'personal_record' order by occurred_at desc, id limit 10""",
    "threshold": """
        select * from (
            select distinct on (sport, model) id, as_of::text || '  ' || sport || ' ' || model || ': ' ||
                   coalesce(round(threshold::numeric, 3)::text || ' ' || unit, refusal) as what
            from threshold_models where profile_id = :profile
            order by sport, model, as_of desc, version desc) newest""",
}
"""What may be asked about, newest or best first, by kind."""

_ACTIVITY = """
    select a.*, p.handle, s.sha256, s.bytes, s.format, s.archive_path,
           (select array_agg(distinct r.name order by r.name) from arrivals r where r.source_file_id = s.id) as names
    from activities a join profiles p on p.id = a.profile_id
    join source_files s on s.id = a.source_file_id
    where a.id = :id"""
_EFFORT = "select * from activity_efforts where id = :id"
_EFFORT_LIKE = """
    select id from activity_efforts where activity_id = :activity and effort_type::text = :effort_type
      and duration_seconds = :duration and distance_meters is not distinct from cast(:distance as numeric)"""
_METRICS = "select metric, value, unit from activity_metrics where activity_id = :id order by metric"
_THRESHOLD = "select t.*, p.handle from threshold_models t join profiles p on p.id = t.profile_id where t.id = :id"
_SAID = """
    select count(*) from threshold_models
    where profile_id = :profile and sport = :sport and model = :model and as_of = :as_of"""
_NOTIFICATION = "select n.*, p.handle from notifications n join profiles p on p.id = n.profile_id where n.id = :id"
_VERSIONS = """
    select stage, code_version, fingerprint, computed_at from month_outputs
    where profile_id = :profile and month = :month order by stage"""


def ids(connection: Connection, kind: str, start: str) -> list[UUID]:
    """Ids of the kind that begin so, three at the most."""
    return list(connection.scalars(text(FIND[kind] + " limit 3"), {"start": f"{start.lower()}%"}))


def latest_rows(connection: Connection, kind: str, profile_id: UUID) -> list[Row]:
    return _many(connection, LATEST[kind], profile=profile_id)


def activity(connection: Connection, activity_id: UUID) -> Row:
    return _many(connection, _ACTIVITY, id=activity_id)[0]


def effort(connection: Connection, effort_id: UUID) -> Row:
    return _many(connection, _EFFORT, id=effort_id)[0]


def effort_of(
    connection: Connection, activity_id: str, effort_type: str, duration: int, distance: float | None
) -> UUID | None:
    found = connection.scalar(
        text(_EFFORT_LIKE),
        {"activity": activity_id, "effort_type": effort_type, "duration": duration, "distance": distance},
    )
    return found if isinstance(found, UUID) else None


def metrics(connection: Connection, activity_id: UUID) -> list[Row]:
    return _many(connection, _METRICS, id=activity_id)


def threshold(connection: Connection, threshold_id: UUID) -> Row:
    return _many(connection, _THRESHOLD, id=threshold_id)[0]


def times_said(connection: Connection, row: Row) -> int:
    """How many answers there are as of that day: what was said, and what later code or files made of it."""
    asked = {name: row[name] for name in ("sport", "model", "as_of")}
    return int(connection.scalar(text(_SAID), {"profile": row["profile_id"], **asked}) or 0)


def notification(connection: Connection, notification_id: UUID) -> Row:
    return _many(connection, _NOTIFICATION, id=notification_id)[0]


def versions(connection: Connection, profile_id: UUID, month: str) -> dict[str, Row]:
    """Code version and fingerprint of the month's stages."""
    return {row["stage"]: row for row in _many(connection, _VERSIONS, profile=profile_id, month=month)}


def _many(connection: Connection, query: str, **parameters: Any) -> list[Row]:
    return [dict(row) for row in connection.execute(text(query), parameters).mappings()]
