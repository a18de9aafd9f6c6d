"""Athletes, activities and efforts made inside of PostgreSQL: unequal histories, as real ones are."""

from __future__ import annotations

import psycopg

EFFORTS_PER_ACTIVITY = 42
"""Of a generated ride: 20 durations of power, 22 of speed."""
DURATIONS = (1, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 360, 480, 600, 720, 900, 1200, 1800)
SPEEDS = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 360, 480, 600, 720, 900, 1200, 1800, 2400, 3600, 5400)


def counted(connection: psycopg.Connection) -> tuple[int, int, int]:
    """Numbers of athletes, activities and efforts."""
    row = connection.execute(
        """select (select count(*) from profiles), (select count(*) from activities),
               (select count(*) from activity_efforts)"""
    ).fetchone()
    return row or (0, 0, 0)


def generate(connection: psycopg.Connection, athletes: int, efforts: int) -> None:
    """Fills the tables; indexes and keys stay on, as they would in use."""
    activities = efforts // EFFORTS_PER_ACTIVITY
    connection.execute("select setseed(0.42)")
    connection.execute("set synchronous_commit = off")
    connection.execute("set maintenance_work_mem = '512MB'")
    _people(connection, athletes)
    # A tenth of the athletes have half of all activities; no one has fewer than one.
    connection.execute(
        f"""create temp table shares as
            select id as profile_id, greatest(1, round({activities} * weight / sum(weight) over ()))::int as activities
            from (select id, case when random() < 0.1 then 9 else 1 end * (0.3 + random()) as weight from profiles) p"""
    )
    _activities(connection)
    _efforts(connection)
    _derived(connection)
    connection.execute("vacuum analyze")


def _people(connection: psycopg.Connection, athletes: int) -> None:
    connection.execute(f"insert into profiles (handle) select 'athlete' || n from generate_series(1, {athletes}) n")
    connection.execute(
        """insert into source_files (profile_id, sha256, bytes, format, kind, status, archive_path, month)
           select id, 'one', 1, 'fit', 'activity', 'archived', 'archive/one', '2026-01' from profiles"""
    )


def _activities(connection: psycopg.Connection) -> None:
    connection.execute(
        """insert into activities (profile_id, name, type, started_at, duration_seconds, moving_seconds,
               distance_meters, fit_file_path, source_file_id, session_index, archive_month, reader, anomalies)
           select s.profile_id, 'Ride ' || n, case when random() < 0.7 then 'bike' else 'run' end,
               now() - random() * interval '1000 days', 3700, 3600, 30000, 'archive/one', f.id, n, '2026-01',
               'generated', case when random() < 0.2 then '[{"kind": "spike", "channel": "power_watts",
               "decision": "rejected"}]' else '[]' end::jsonb
           from shares s join source_files f on f.profile_id = s.profile_id
           cross join lateral generate_series(1, s.activities) n"""
    )
    connection.execute(
        """insert into activity_loads (activity_id, profile_id, local_date, load, method)
           select id, profile_id, started_at::date, 20 + 100 * random(), 'power' from activities"""
    )
    for metric, unit in (("normalized_power_watts", "W"), ("mean_power_watts", "W"), ("mean_heart_rate_bpm", "bpm"),
                         ("mean_speed_mps", "m/s")):  # fmt: skip
        connection.execute(
            f"""insert into activity_metrics (activity_id, metric, profile_id, value, unit)
                select id, '{metric}', profile_id, 100 + 100 * random(), '{unit}' from activities"""
        )
    connection.execute("analyze")


def _efforts(connection: psycopg.Connection) -> None:
    for kind, lengths, value, unit in (
        ("power", DURATIONS, "150 + 250 * random() * power(d, -0.07)", "W"),
        ("speed", SPEEDS, "4 + 8 * random()", "m/s"),
    ):
        connection.execute(
            f"""insert into activity_efforts (activity_id, profile_id, duration_seconds, effort_type, value, unit,
                    start_offset, recorded_at, grade)
                select a.id, a.profile_id, d, '{kind}', round(({value})::numeric, 1), '{unit}', 60,
                    a.started_at + interval '60 seconds',
                    case when random() < 0.95 then 'confirmed' when random() < 0.5 then 'candidate' else 'rejected' end
                from activities a cross join unnest(array{list(lengths)}) d"""
        )


def _derived(connection: psycopg.Connection) -> None:
    connection.execute(
        """insert into daily_fitness (profile_id, date, load, ctl, atl, tsb, ramp)
           select p.id, current_date - n, 50, 40 + 40 * random(), 60, -5, 1
           from profiles p cross join generate_series(0, 400) n"""
    )
    connection.execute(
        """insert into threshold_models (profile_id, sport, model, as_of, threshold, threshold_low, threshold_high,
               unit, input_hash)
           select p.id, m.sport, m.model, current_date - 7 * n, 200 + 100 * random(), 190, 310, m.unit, 'x'
           from profiles p cross join (values ('bike', 'critical_power', 'W'), ('run', 'critical_speed', 'm/s'))
               m (sport, model, unit)
           cross join generate_series(0, 60) n"""
    )
    connection.execute(
        """insert into daily_wellness (profile_id, metric_type, date, source, value, age_days, valid_7d, valid_60d)
           select p.id, 'weight_kg', current_date - n, 'scale', 70, 0, 7, 60
           from profiles p cross join generate_series(0, 120) n"""
    )
    connection.execute(
        """insert into notifications (profile_id, type, title, message, occurred_at, data)
           select profile_id, 'personal_record', 'a record', '...', started_at,
               jsonb_build_object('activity_id', id, 'records', '[{}, {}]'::jsonb)
           from activities where random() < 0.1"""
    )
