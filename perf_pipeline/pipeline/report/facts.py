"""What the report tells, as plain rows from the tables, each section with its own query. Nothing is computed here that
a table holds already.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from perf_pipeline.physiology.records import DISQUALIFYING

Row = dict[str, Any]
Facts = dict[str, list[Row]]

FITNESS_DAYS, WEEKS, THRESHOLD_DAYS, ZONE_DAYS = 365, 26, 730, 42

# Numbers with a fraction are added as numeric: the same to the last digit in whatever order the rows are met.
# Duplicates, rejected efforts and lengths that a watch counted twice are in no section.
_BESTS = """
    select a.type as sport, e.effort_type::text as effort_type, e.duration_seconds, e.distance_meters,
           case when e.distance_meters is null then e.value else e.elapsed_seconds end as value,
           coalesce(l.local_date, (a.started_at at time zone 'UTC')::date) as day
    from activity_efforts e
    join activities a on a.id = e.activity_id
    left join activity_loads l on l.activity_id = a.id
    where e.profile_id = :profile and e.grade <> 'rejected' and a.superseded_by is null
      and not jsonb_exists_any(coalesce(e.evidence -> 'reasons', '[]'), :spoiling)
"""

QUERIES: Mapping[str, str] = {
    "profile": "select handle, display_name from profiles where id = :profile",
    "sports": """
        select type as sport, count(*) as activities, sum(distance_meters) / 1000.0 as kilometers,
               sum(moving_seconds) / 3600.0 as hours, sum(elevation_gain_meters::numeric) as climbed_meters
        from activities where profile_id = :profile and superseded_by is null and started_at >= :season
        group by type order by hours desc""",
    "fitness": """
        select date as day, load, ctl, atl, tsb, ramp, projected from daily_fitness
        where profile_id = :profile and date >= :fitness_from order by date""",
    "weekly": """
        select date_trunc('week', l.local_date)::date as week, a.type as sport, sum(l.load::numeric) as load,
               sum(a.moving_seconds) / 3600.0 as hours
        from activity_loads l join activities a on a.id = l.activity_id
        where l.profile_id = :profile and l.local_date >= :weeks_from and l.local_date <= :today
        group by 1, 2 order by 1, 2""",
    "power": f"""
        with bests as ({_BESTS} and e.effort_type = 'power')
        select sport, duration_seconds, max(value) filter (where day > :last_90) as last_90,
               max(value) filter (where day >= :season) as season, max(value) as all_time
        from bests group by 1, 2 order by 1, 2""",  # noqa: S608 - a constant of this module
    "pace": f"""
        with bests as ({_BESTS} and e.distance_meters is not null)
        select sport, distance_meters, min(value) filter (where day > :last_90) as last_90,
               min(value) filter (where day >= :season) as season, min(value) as all_time
        from bests group by 1, 2 order by 1, 2""",  # noqa: S608 - a constant of this module
    "thresholds": """
        select distinct on (sport, model, as_of) sport, model, as_of, threshold, threshold_low, threshold_high,
               capacity, capacity_low, capacity_high, unit, refusal
        from threshold_models where profile_id = :profile and as_of >= :thresholds_from and as_of <= :today
        order by sport, model, as_of, version desc""",
    "records": """
        select n.occurred_at, n.title, n.data, a.name, s.sha256, s.archive_path
        from notifications n
        left join activities a on a.id = (n.data ->> 'activity_id')::uuid
        left join source_files s on s.id = a.source_file_id
        where n.profile_id = :profile and n.type = 'personal_record' order by n.occurred_at desc, n.id limit 10""",
    "notices": """
        select occurred_at, type::text as type, title, message from notifications
        where profile_id = :profile and type <> 'personal_record' order by occurred_at desc, id limit 6""",
    "zones": """
        select a.type as sport, m.metric, sum(m.value::numeric) as seconds
        from activity_metrics m join activities a on a.id = m.activity_id
        where m.profile_id = :profile and m.grain = 'athlete' and m.unit = 's' and m.metric like '%zone%'
          and a.superseded_by is null and a.started_at >= :zones_from
        group by 1, 2 having sum(m.value) > 0 order by 1, 2""",
    "predictions": """
        select distinct on (sport, target) sport, target, duration_seconds, distance_meters, as_of, value, value_low,
               value_high, unit, model, current_best, beats_best_probability, refusal
        from capability_predictions where profile_id = :profile and as_of <= :today
        order by sport, target, as_of desc, version desc""",
    "workouts": """
        select * from (
            select distinct on (w.planned_workout_id) p.name, p.sport, p.planned_date, w.as_of, w.status, w.refusal,
                   w.explanation, w.finish_probability, w.steps, w.changes
            from workout_adaptations w join planned_workouts p on p.id = w.planned_workout_id
            left join workout_completions c on c.planned_workout_id = p.id
            where w.profile_id = :profile and w.as_of <= :today and c.planned_workout_id is null
              and (p.planned_date is null or p.planned_date >= :today)
            order by w.planned_workout_id, w.as_of desc, w.version desc) latest
        order by planned_date nulls last, name limit 10""",
    "quarantine": """
        select coalesce(reason, 'no reason') as reason, count(*) as files from source_files
        where profile_id = :profile and status = 'quarantined' group by 1 order by 2 desc, 1 limit 20""",
    "anomalies": """
        select x ->> 'kind' as kind, x ->> 'channel' as channel, count(*) as times, count(distinct a.id) as activities
        from activities a, jsonb_array_elements(a.anomalies) x
        where a.profile_id = :profile group by 1, 2 order by 4 desc, 1, 2 limit 20""",
    "doubtful": """
        select count(*) as activities, count(superseded_by) as duplicates, count(*) filter (where partial) as partial
        from activities where profile_id = :profile""",
}  # fmt: skip


def gather(connection: Connection, profile_id: UUID, today: date) -> Facts:
    """The rows of every section as of a day; numbers are floats, everything goes into JSON with `default=str`."""
    days = {
        "profile": profile_id,
        "spoiling": sorted(DISQUALIFYING),
        "today": today,
        "season": date(today.year, 1, 1),
        "last_90": today - timedelta(days=90),
        "fitness_from": today - timedelta(days=FITNESS_DAYS),
        "weeks_from": today - timedelta(days=today.weekday() + 7 * (WEEKS - 1)),
        "thresholds_from": today - timedelta(days=THRESHOLD_DAYS),
        "zones_from": today - timedelta(days=ZONE_DAYS),
    }
    return {name: _rows(connection, query, days) for name, query in QUERIES.items()}


def _rows(connection: Connection, query: str, days: Mapping[str, Any]) -> list[Row]:
    statement = text(query)
    wanted = {name: days[name] for name in statement.compile().params}
    return [
        {key: _plain(value) for key, value in row.items()} for row in connection.execute(statement, wanted).mappings()
    ]


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
