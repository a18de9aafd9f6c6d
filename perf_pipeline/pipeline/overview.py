"""What is in, in numbers: the reading side of the command line's `status` and summaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from perf_pipeline.pipeline.predicted import latest_predictions

STATUSES = ("archived", "duplicate", "quarantined", "not_an_activity")

# What a name received is now known to be: the file's own status, unless it was a second copy.
_STATUS = "case when a.status in ('duplicate', 'quarantined') then a.status else s.status end"


def counts_by_athlete(connection: Connection) -> dict[str, dict[str, int]]:
    """Arrivals by athlete and status."""
    found: dict[str, dict[str, int]] = {}
    query = f"""
        select p.handle, {_STATUS}, count(*) from arrivals a
        join source_files s on s.id = a.source_file_id join profiles p on p.id = a.profile_id
        group by 1, 2 order by 1, 2
    """  # noqa: S608 - a constant of this module
    for handle, status, count in connection.execute(text(query)):
        found.setdefault(handle, dict.fromkeys(STATUSES, 0))[status] = count
    return found


def counts_of_names(connection: Connection, profile_id: UUID, names: Sequence[str]) -> dict[str, int]:
    """Status of the names given (container members count, their container does not)."""
    query = f"""
        select {_STATUS} as status, count(*) from arrivals a join source_files s on s.id = a.source_file_id
        where a.profile_id = :profile and split_part(a.name, '!', 1) = any(:names) group by 1
    """  # noqa: S608 - a constant of this module
    found = dict.fromkeys(STATUSES, 0)
    found.update(dict(connection.execute(text(query), {"profile": profile_id, "names": list(names)}).all()))
    return found


def quarantined(connection: Connection) -> list[dict[str, Any]]:
    """What is in quarantine, and why."""
    query = """
        select p.handle as athlete, a.name, s.reason, a.received_at from arrivals a
        join source_files s on s.id = a.source_file_id join profiles p on p.id = a.profile_id
        where s.status = 'quarantined' and a.status <> 'duplicate' order by p.handle, a.name
    """
    return [dict(row) for row in connection.execute(text(query)).mappings()]


def duplicate_pairs(connection: Connection) -> list[dict[str, Any]]:
    """Activities that gave way to another recording of the same: ids, hashes and the reason, nothing personal."""
    query = """
        select p.handle as athlete, a.id as superseded, left(gone.sha256, 12) as superseded_file,
               kept.id as kept, left(stays.sha256, 12) as kept_file, a.superseded_reason as reason
        from activities a
        join profiles p on p.id = a.profile_id
        join activities kept on kept.id = a.superseded_by
        join source_files gone on gone.id = a.source_file_id
        join source_files stays on stays.id = kept.source_file_id
        order by p.handle, a.started_at, a.id
    """
    return [dict(row) for row in connection.execute(text(query)).mappings()]


def quarantine_by_reason_and_age(connection: Connection) -> list[dict[str, Any]]:
    """Files in quarantine by reason, the most first, with the age of the oldest and of the newest in days."""
    query = """
        select s.reason, count(*) as files,
               extract(day from now() - min(s.received_at))::int as oldest_days,
               extract(day from now() - max(s.received_at))::int as newest_days
        from source_files s where s.status = 'quarantined' group by 1 order by 2 desc, 1
    """
    return [dict(row) for row in connection.execute(text(query)).mappings()]


def latest_notifications(connection: Connection, most: int = 5) -> list[dict[str, Any]]:
    """What was last told, of all athletes, newest first."""
    query = """
        select p.handle as athlete, n.occurred_at, n.type::text as type, n.title, n.is_read
        from notifications n join profiles p on p.id = n.profile_id order by n.occurred_at desc, n.id limit :most
    """
    return [dict(row) for row in connection.execute(text(query), {"most": most}).mappings()]


def athlete_summary(connection: Connection, profile_id: UUID, today: date) -> dict[str, Any]:
    """Activities by sport, thresholds and fitness today, and the latest three notifications of each type."""

    def rows(query: str) -> list[Mapping[str, Any]]:
        return [
            dict(row) for row in connection.execute(text(query), {"profile": profile_id, "today": today}).mappings()
        ]

    return {
        "sports": rows(
            """select type, count(*) as activities, sum(distance_meters) / 1000.0 as kilometers,
               sum(moving_seconds) / 3600.0 as hours from activities
               where profile_id = :profile and superseded_by is null
               group by type order by activities desc"""
        ),
        "thresholds": rows(
            """select distinct on (sport, model) sport, model, as_of, threshold, threshold_low, threshold_high,
               capacity, unit, refusal from threshold_models where profile_id = :profile and as_of <= :today
               order by sport, model, as_of desc, computed_at desc"""
        ),
        "predictions": latest_predictions(connection, [profile_id], today),
        "fitness": rows(
            "select date, ctl, atl, tsb, ramp from daily_fitness where profile_id = :profile and date = :today"
        ),
        "peak": rows(
            """select date, ctl from daily_fitness where profile_id = :profile and not projected
               order by ctl desc, date limit 1"""
        ),
        "notifications": rows(
            """select type, occurred_at, title, message, data from (
                 select *, row_number() over (partition by type order by occurred_at desc, id) as place
                 from notifications where profile_id = :profile) newest
               where place <= 3 order by type, occurred_at desc, id"""
        ),
    }
