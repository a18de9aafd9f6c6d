"""One athlete's queries among ten thousand athletes: latency at 8 clients, and whether every plan uses an index.

`python -m benchmarks.queries [--json] [--athletes N] [--efforts N] [--clients N] [--asked N] [--home DIR]`. Athletes
and efforts are generated inside of PostgreSQL, in an embedded server of its own (some minutes and 3 GB at full size);
with `--home` it is kept, and found again by the next run.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
import psycopg

from benchmarks.figures import Figure, report
from benchmarks.queries_population import counted, generate
from perf_pipeline.pipeline.sql_models import load_project
from perf_pipeline.pipeline.sql_models.building import build
from perf_pipeline.storage import embedded_postgres
from perf_pipeline.storage.warehouse import Warehouse

FLOOR_P99_MS, GOAL_P99_MS = 100.0, 15.0
BIG = ("activities", "activity_efforts", "activity_metrics", "activity_loads", "daily_fitness", "threshold_models")
"""Tables that no query for one athlete may read from end to end."""


@dataclass(frozen=True, slots=True)
class Query:
    """One question about an athlete (`%s`)."""

    name: str
    sql: str


QUERIES = (
    Query(
        "activity_feed",
        "select * from marts.activity_feed where profile_id = %s order by started_at desc limit 20",
    ),
    Query(
        "power_curve_90_days",
        "select * from marts.power_curve where profile_id = %s and span = '90 days' and sport = 'bike'",
    ),
    Query("all_time_records", "select * from marts.personal_records where profile_id = %s"),
    Query(
        "threshold_input",
        # What the threshold stage looks at: 2 to 20 minutes of the last 90 days.
        "select * from staging.stg_activity_efforts where profile_id = %s and effort_type = 'power' "
        "and duration_seconds between 120 and 1200 and recorded_at > now() - interval '90 days'",
    ),
    Query("fitness_progression", "select * from marts.fitness_progression where profile_id = %s"),
    Query("weekly_training", "select * from marts.weekly_training where profile_id = %s order by week desc limit 12"),
    Query("athlete_summary", "select * from marts.athlete_summary where profile_id = %s"),
)


def main() -> int:
    """Prints the figures; 1 where a floor is missed or a plan reads a large table from end to end."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="perf-queries-", dir="/tmp") as scratch:
        home = arguments.home or Path(scratch) / "home"
        try:
            url = embedded_postgres.ensure_running(home)
            _prepare(url, arguments.athletes, arguments.efforts)
            athletes = _some_athletes(url, arguments.asked)
            wrong = _scans(url, athletes[0])
            figures = [figure for query in QUERIES for figure in _measure(url, query, athletes, arguments.clients)]
        finally:
            if arguments.home is None:
                embedded_postgres.remove(home)
            else:
                embedded_postgres.stop(home)
    for query, plan in wrong.items():
        print(f"{query}: reads a large table from end to end\n{plan}", file=sys.stderr)
    return report(figures, as_json=arguments.json) or (1 if wrong else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--athletes", type=int, default=10_000)
    parser.add_argument("--efforts", type=int, default=5_000_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--asked", type=int, default=1_000, help="athletes that are asked about, drawn by chance")
    parser.add_argument("--home", type=Path, help="keep the server and its data here")
    known, _ = parser.parse_known_args()  # what other benchmarks take
    return known


def _prepare(url: str, athletes: int, efforts: int) -> None:
    began = time.perf_counter()
    with Warehouse.connect(url) as warehouse:
        warehouse.migrate()
        with psycopg.connect(url, autocommit=True) as connection:
            if counted(connection)[0] == 0:
                generate(connection, athletes, efforts)
            found = counted(connection)
        build(warehouse.engine, load_project())
    print(
        f"{found[0]} athletes, {found[1]} activities, {found[2]} efforts, ready in {time.perf_counter() - began:.0f} s",
        file=sys.stderr,
    )


def _some_athletes(url: str, count: int) -> list[UUID]:
    with psycopg.connect(url) as connection:
        ids = [row[0] for row in connection.execute("select id from profiles order by id")]
    return random.Random(1).sample(ids, min(count, len(ids)))


def _scans(url: str, athlete: UUID) -> dict[str, str]:
    """Plans that read a large table from end to end, by query: both with the athlete known and prepared for any."""
    wrong = {}
    with psycopg.connect(url, autocommit=True) as connection:
        for query in QUERIES:
            literal = query.sql.replace("%s", f"'{athlete}'")
            prepared = query.sql.replace("%s", "$1")
            connection.execute(f"prepare asked (uuid) as {prepared}")
            connection.execute("set plan_cache_mode = force_generic_plan")
            for statement in (literal, f"execute asked ('{athlete}')"):
                plan = "\n".join(row[0] for row in connection.execute(f"explain {statement}"))
                if any(f"Seq Scan on {table} " in plan for table in BIG):
                    wrong[query.name] = plan
            connection.execute("deallocate asked")
            connection.execute("reset plan_cache_mode")
    return wrong


def _measure(url: str, query: Query, athletes: list[UUID], clients: int) -> list[Figure]:
    shares = [athletes[start::clients] for start in range(clients)]
    with ThreadPoolExecutor(clients) as pool:
        taken = np.concatenate(list(pool.map(lambda share: _ask(url, query, share), shares)))
    p50, p99 = np.percentile(1000 * taken, [50, 99])
    return [
        Figure(f"{query.name}_p50_ms", float(p50), "ms", "lower"),
        Figure(f"{query.name}_p99_ms", float(p99), "ms", "lower", FLOOR_P99_MS, GOAL_P99_MS),
    ]


def _ask(url: str, query: Query, athletes: list[UUID]) -> np.ndarray:
    """Seconds of each question; the connection is warmed up by a few that do not count."""
    seconds = np.empty(len(athletes))
    with psycopg.connect(url, autocommit=True, options="-c timezone=UTC") as connection:
        for athlete in athletes[:8]:
            connection.execute(query.sql, (athlete,)).fetchall()
        for index, athlete in enumerate(athletes):
            began = time.perf_counter()
            connection.execute(query.sql, (athlete,)).fetchall()
            seconds[index] = time.perf_counter() - began
    return seconds


if __name__ == "__main__":
    sys.exit(main())
