"""An athlete's whole series from PostgreSQL, as the history stages see it. Duplicates of activities are left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from uuid import UUID

from sqlalchemy import Connection, Select, select

from perf_pipeline.pipeline.local_time import local_time
from perf_pipeline.storage.tables import activities, activity_efforts, activity_metrics, profiles

FIRST_CREDIBLE_DAY = date(1990, 1, 1)


@dataclass(frozen=True, slots=True)
class SeriesActivity:
    """One activity with its metrics by name. `day` is the athlete's local day."""

    id: UUID
    sport: str
    name: str
    started_at: datetime
    day: date
    moving_seconds: int
    distance_meters: int | None
    metrics: Mapping[str, float] = field(default_factory=dict)
    duration_seconds: int = 0


@dataclass(frozen=True, slots=True)
class SeriesEffort:
    """One stored effort with the sport and local day of its activity."""

    activity_id: UUID
    sport: str
    day: date
    effort_type: str
    duration_seconds: int
    value: float
    start_offset: int
    recorded_at: datetime
    distance_meters: float | None
    elapsed_seconds: float | None
    grade: str


def local_day(started_at: datetime, utc_offset_seconds: int | None, *zones: str | None) -> date:
    """The athlete's local day: by the file's offset, else the position's zone, else the profile's, else UTC."""
    return local_time(started_at, utc_offset_seconds, *zones).date()


def load_activities(
    connection: Connection,
    profile_id: UUID,
    today: date,
    metrics: Collection[str] | None = None,
    since: datetime | None = None,
) -> list[SeriesActivity]:
    """Activities in order of time, from the first credible day to today in UTC (a clock may lie in either direction).

    The local day of the last ones may be the one after: see `newest_day`. `metrics` names those that are wanted, all
    that need the activity alone where None: a long history has a hundred thousand. `since`: only those that began then
    or later.
    """
    zone = connection.scalar(select(profiles.c.timezone).where(profiles.c.id == profile_id))
    found_metrics: dict[UUID, dict[str, float]] = defaultdict(dict)
    m = activity_metrics.c
    wanted = select(m.activity_id, m.metric, m.value).where(m.profile_id == profile_id)
    wanted = wanted.where(m.metric.in_(metrics) if metrics is not None else m.grain == "activity")
    if since is not None:
        wanted = wanted.where(m.activity_id.in_(activities_since(profile_id, since)))
    if metrics is None or metrics:
        for activity_id, name, value in connection.execute(wanted):
            found_metrics[activity_id][name] = value
    table = activities.c
    query = (
        select(
            table.id, table.type, table.name, table.started_at, table.utc_offset_seconds, table.moving_seconds,
            table.distance_meters, table.timezone, table.duration_seconds,
        )
        .where(table.profile_id == profile_id, table.superseded_by.is_(None))
        .order_by(table.started_at, table.id)
    )  # fmt: skip
    if since is not None:
        query = query.where(table.started_at >= since)
    found = []
    for row in connection.execute(query):
        day = local_day(row.started_at, row.utc_offset_seconds, row.timezone, zone)
        if day >= FIRST_CREDIBLE_DAY and row.started_at.astimezone(UTC).date() <= today:
            found.append(
                SeriesActivity(
                    row.id, row.type, row.name, row.started_at, day, row.moving_seconds, row.distance_meters,
                    found_metrics.get(row.id, {}), row.duration_seconds,
                )
            )  # fmt: skip
    return found


def activities_since(profile_id: UUID, since: datetime | None) -> Select[tuple[UUID]]:
    """Ids of the activities that began then or later, of all where None; duplicates among them."""
    query = select(activities.c.id).where(activities.c.profile_id == profile_id)
    return query if since is None else query.where(activities.c.started_at >= since)


def newest_day(series: Sequence[SeriesActivity], today: date) -> date:
    """Today, or the local day that has begun already where the athlete is."""
    return max([today, *(activity.day for activity in series)])


def load_efforts(connection: Connection, profile_id: UUID, series: Sequence[SeriesActivity]) -> list[SeriesEffort]:
    """The efforts of those activities, rejected ones left out, in order of time."""
    known = {activity.id: activity for activity in series}
    table = activity_efforts.c
    query = (
        select(
            table.activity_id, table.effort_type, table.duration_seconds, table.value, table.start_offset,
            table.recorded_at, table.distance_meters, table.elapsed_seconds, table.grade,
        )
        .where(table.profile_id == profile_id, table.grade != "rejected")
        .order_by(table.recorded_at, table.id)
    )  # fmt: skip
    return [
        SeriesEffort(
            row.activity_id, known[row.activity_id].sport, known[row.activity_id].day, row.effort_type,
            row.duration_seconds, float(row.value), row.start_offset, row.recorded_at, _float(row.distance_meters),
            _float(row.elapsed_seconds), row.grade,
        )
        for row in connection.execute(query)
        if row.activity_id in known
    ]  # fmt: skip


def _float(value: object) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]
