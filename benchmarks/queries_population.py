"""Athletes, activities and efforts made inside of PostgreSQL: unequal histories of three sports, as real ones are.

Rows lie in the order of time, athletes mixed, as they come in over the years: what one athlete has is scattered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from perf_pipeline.physiology.bounds import POWER_DURATIONS_SECONDS, SPEED_DURATIONS_SECONDS, bounds_of

LOADERS = 2
LONGEST_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Kind:
    """Efforts of one kind that an activity of a sport has; `amount` is SQL of the length and the athlete's `level`."""

    sport: str
    effort_type: str
    lengths: tuple[float, ...]
    amount: str
    unit: str

    @property
    def is_distance(self) -> bool:
        return self.effort_type == "pace"


def _up_to(lengths: Sequence[float], most: float) -> tuple[float, ...]:
    return tuple(length for length in lengths if length <= most)


_SPEEDS = tuple(map(float, _up_to(SPEED_DURATIONS_SECONDS, LONGEST_SECONDS)))
KINDS = (
    Kind("bike", "power", _up_to(POWER_DURATIONS_SECONDS, LONGEST_SECONDS), "420 * level * length ^ -0.07", "W"),
    Kind("bike", "speed", _SPEEDS, "14 * level * length ^ -0.05", "m/s"),
    Kind("run", "speed", _SPEEDS, "6.5 * level * length ^ -0.06", "m/s"),
    Kind("run", "pace", _up_to(bounds_of("run").distances_meters, 10000), "160 / level * length ^ 0.06", "s/km"),
    Kind("swim", "speed", _SPEEDS[:18], "1.9 * level * length ^ -0.05", "m/s"),
    Kind(
        "swim", "pace", _up_to(bounds_of("swim").distances_meters, 1500), "60 / level * power(length, 0.07)", "s/100m"
    ),
)
SHARES = {"bike": 0.55, "run": 0.33, "swim": 0.12}
"""Of all activities."""
EFFORTS_PER_ACTIVITY = sum(SHARES[kind.sport] * len(kind.lengths) for kind in KINDS)


def counted(connection: psycopg.Connection) -> tuple[int, int, int]:
    """Numbers of athletes, activities and efforts."""
    row = connection.execute(
        """select (select count(*) from profiles), (select count(*) from activities),
               (select count(*) from activity_efforts)"""
    ).fetchone()
    return row or (0, 0, 0)


def generate(url: str, athletes: int, efforts: int) -> None:
    """Fills the tables of a server that is the benchmark's own. The efforts' indexes are made once all are there."""
    with psycopg.connect(url, autocommit=True) as connection, _in_a_hurry(connection):
        connection.execute("select setseed(0.42)")
        _people(connection, athletes, round(efforts / EFFORTS_PER_ACTIVITY))
        _activities(connection)
        with _without_indexes(connection, "activity_efforts"):
            _at_once(url, [_efforts(share) for share in range(LOADERS)])
        _at_once(url, DERIVED)
        connection.execute("drop table shares")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("vacuum analyze")


@contextmanager
def _in_a_hurry(connection: psycopg.Connection) -> Iterator[None]:
    """Nothing waits for the disk meanwhile: what a crash would leave is thrown away. In the end all is on disk."""
    hasty = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_wal_size": "'8GB'",
             "autovacuum": "off", "maintenance_work_mem": "'512MB'"}  # fmt: skip
    for name, value in hasty.items():
        connection.execute(f"alter system set {name} = {value}")
    connection.execute("select pg_reload_conf()")
    try:
        yield
    finally:
        for name in hasty:
            connection.execute(f"alter system reset {name}")
        connection.execute("select pg_reload_conf()")
        connection.execute("checkpoint")


@contextmanager
def _without_indexes(connection: psycopg.Connection, table: str) -> Iterator[None]:
    """Primary key and indexes away, and back as they were."""
    keys = connection.execute(
        """select conname, pg_get_constraintdef(oid) from pg_constraint
           where conrelid = %s::regclass and contype = 'p'""",
        (table,),
    ).fetchall()
    for name, _ in keys:
        connection.execute(f"alter table {table} drop constraint {name}")
    indexes = connection.execute("select indexname, indexdef from pg_indexes where tablename = %s", (table,)).fetchall()
    for name, _ in indexes:
        connection.execute(f"drop index {name}")
    yield
    for name, told in keys:
        connection.execute(f"alter table {table} add constraint {name} {told}")
    for _, told in indexes:
        connection.execute(told)


def _at_once(url: str, statements: Sequence[str]) -> None:
    """Runs the statements side by side. Foreign keys are not checked: what is made up refers to what is there."""

    def run(statement: str) -> None:
        with psycopg.connect(url, autocommit=True, options="-c session_replication_role=replica") as connection:
            connection.execute(statement)

    with ThreadPoolExecutor(LOADERS) as pool:
        list(pool.map(run, statements))


def _people(connection: psycopg.Connection, athletes: int, activities: int) -> None:
    connection.execute(f"insert into profiles (handle) select 'athlete' || n from generate_series(1, {athletes}) n")
    connection.execute(
        """insert into source_files (profile_id, sha256, bytes, format, kind, status, archive_path, month)
           select id, 'one', 1, 'fit', 'activity', 'archived', 'archive/one', '2026-01' from profiles"""
    )
    # A tenth of the athletes have half of all activities; no one has fewer than one.
    connection.execute(
        f"""create unlogged table shares as
            select id as profile_id, level,
                greatest(1, round({activities} * weight / sum(weight) over ()))::int as activities
            from (select id, 0.7 + 0.4 * random() as level,
                      case when random() < 0.1 then 9 else 1 end * (0.3 + random()) as weight from profiles) p"""
    )
    connection.execute("analyze")


def _activities(connection: psycopg.Connection) -> None:
    bike, run = SHARES["bike"], SHARES["bike"] + SHARES["run"]
    connection.execute(
        f"""insert into activities (profile_id, name, type, started_at, duration_seconds, moving_seconds,
               distance_meters, elevation_gain_meters, fit_file_path, source_file_id, session_index, archive_month,
               reader, anomalies)
           select profile_id, 'Activity ' || n, case when dice < {bike} then 'bike' when dice < {run} then 'run'
               else 'swim' end, started_at, 3700, 3600, 30000, 1000 * random(), 'archive/one', file_id, n, '2026-01',
               'generated', case when random() < 0.2 then '[{{"kind": "spike", "channel": "power_watts",
               "decision": "rejected"}}]' else '[]' end::jsonb
           from (
               select s.profile_id, f.id as file_id, n, random() as dice,
                   now() - random() * interval '1000 days' as started_at
               from shares s join source_files f on f.profile_id = s.profile_id
               cross join lateral generate_series(1, s.activities) n
           ) as made
           order by started_at"""
    )
    connection.execute(
        """insert into activity_loads (activity_id, profile_id, local_date, load, method)
           select id, profile_id, started_at::date, 20 + 100 * random(), 'power' from activities"""
    )
    connection.execute(
        """insert into activity_metrics (activity_id, metric, profile_id, value, unit)
           select id, metric, profile_id, 100 + 100 * random(), unit
           from activities cross join (values ('normalized_power_watts', 'W'), ('mean_power_watts', 'W'),
               ('mean_heart_rate_bpm', 'bpm'), ('mean_speed_mps', 'm/s')) m (metric, unit)"""
    )
    connection.execute("analyze")


def _efforts(share: int) -> str:
    """One loader's share of the activities with all their efforts, activity by activity in the order of time."""
    values = ", ".join(
        f"('{kind.sport}', '{kind.effort_type}'::effort_type, {length}, {kind.is_distance}, '{kind.unit}')"
        for kind in KINDS
        for length in kind.lengths
    )
    amounts = " ".join(
        f"when k.sport = '{kind.sport}' and k.effort_type = '{kind.effort_type}' then {kind.amount}" for kind in KINDS
    )
    return f"""
        insert into activity_efforts (activity_id, profile_id, duration_seconds, effort_type, value, unit,
            start_offset, recorded_at, distance_meters, elapsed_seconds, grade, evidence)
        select activity_id, profile_id, case when is_distance then ceil(elapsed) else length end, effort_type,
            round(value::numeric, 3), unit, 60, recorded_at, case when is_distance then length end,
            case when is_distance then round(elapsed::numeric, 3) end,
            case when dice < 0.95 then 'confirmed' when dice < 0.975 then 'candidate' else 'rejected' end,
            case when is_distance then '{{"time": "elapsed, pauses included", "start_seconds": 60.5,
                "paused_seconds": 0, "distance_source": "device", "elapsed_seconds": 1293.264}}'
                else '{{"start_seconds": 60.5}}' end::jsonb
        from (
            select *, value * length / case when unit = 's/km' then 1000 else 100 end as elapsed, random() as dice
            from (
                select a.id as activity_id, a.profile_id, k.*, a.started_at + interval '60 seconds' as recorded_at,
                    case {amounts} end as value
                from (
                    select a.id, a.profile_id, a.type, a.started_at, s.level * (0.75 + 0.25 * random()) as level
                    from activities a join shares s on s.profile_id = a.profile_id
                    where (a.id < '80000000-0000-0000-0000-000000000000') = {share == 0}
                    order by a.started_at
                ) as a
                join (values {values}) as k (sport, effort_type, length, is_distance, unit) on k.sport = a.type
            ) as valued
        ) as timed"""


DERIVED = (
    """insert into daily_fitness (profile_id, date, load, ctl, atl, tsb, ramp)
       select id, current_date - n, 50, 40 + 40 * random(), 60, -5, 1
       from (select id from profiles order by id) p cross join generate_series(400, 0, -1) n""",
    """insert into threshold_models (profile_id, sport, model, as_of, threshold, threshold_low, threshold_high,
           unit, input_hash)
       select p.id, m.sport, m.model, current_date - 7 * n, 200 + 100 * random(), 190, 310, m.unit, 'x'
       from (select id from profiles order by id) p
       cross join (values ('bike', 'critical_power', 'W'), ('run', 'critical_speed', 'm/s')) m (sport, model, unit)
       cross join generate_series(60, 0, -1) n""",
    """insert into daily_wellness (profile_id, metric_type, date, source, value, age_days, valid_7d, valid_60d)
       select id, 'weight_kg', current_date - n, 'scale', 70, 0, 7, 60
       from (select id from profiles order by id) p cross join generate_series(120, 0, -1) n""",
    """insert into notifications (profile_id, type, title, message, occurred_at, data)
       select profile_id, 'personal_record', 'a record', '...', started_at,
           jsonb_build_object('activity_id', id, 'records', '[{}, {}]'::jsonb)
       from activities where random() < 0.1""",
)
"""What the stages after the efforts write, a statement for each table."""
