"""One athlete's queries among ten thousand athletes: latency at 8 clients, and whether any plan reads too much.

`python -m benchmarks.queries [--json] [--athletes N] [--efforts N] [--clients N] [--asked N] [--home DIR]`. Athletes
and efforts are generated inside of PostgreSQL, in an embedded server of its own (about four minutes and 4 GB at full
size); with `--home` it is kept, and found again by the next run.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
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
"""Tables that no query for one athlete may read from end to end, or more of than the athlete's own."""
TIMES_READ, SOME_ROWS = 3, 100
"""How often a node of a plan may look at all rows that the athlete has, and how many more: four lengths of a span,
bests of several seasons, versions of an answer."""


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
    Query("pace_curve", "select * from marts.pace_curve where profile_id = %s and span = 'season'"),
    Query("all_time_records", "select * from marts.personal_records where profile_id = %s"),
    Query(
        "threshold_input",
        # What the threshold stage looks at: 2 to 20 minutes of the last 90 days.
        "select * from staging.stg_activity_efforts where profile_id = %s and effort_type = 'power' "
        "and duration_seconds between 120 and 1200 and recorded_at > now() - interval '90 days' "
        "and started_at > now() - interval '91 days'",
    ),
    Query("fitness_progression", "select * from marts.fitness_progression where profile_id = %s"),
    Query("weekly_training", "select * from marts.weekly_training where profile_id = %s order by week desc limit 12"),
    Query("athlete_summary", "select * from marts.athlete_summary where profile_id = %s"),
)


def main() -> int:
    """Prints the figures; 1 where a floor is missed or a plan reads more than the athlete's own."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="perf-queries-", dir="/tmp") as scratch:
        home = arguments.home or Path(scratch) / "home"
        try:
            url = embedded_postgres.ensure_running(home)
            _prepare(url, arguments.athletes, arguments.efforts)
            athletes = _some_athletes(url, arguments.asked)
            wrong = _wrong_plans(url, _busiest_and_others(url, athletes))
            figures = [figure for query in QUERIES for figure in _measure(url, query, athletes, arguments.clients)]
        finally:
            if arguments.home is None:
                embedded_postgres.remove(home)
            else:
                embedded_postgres.stop(home)
    for query, plan in wrong.items():
        print(f"{query}: {plan}", file=sys.stderr)
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
                generate(url, athletes, efforts)
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


def _busiest_and_others(url: str, athletes: Sequence[UUID]) -> list[UUID]:
    """Whose plans are looked at: the longest career, where a bad plan shows, and two of the others."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "select profile_id from activities group by 1 order by count(*) desc, 1 limit 1"
        ).fetchone()
    return [*(row or ()), *athletes[:2]]


def _wrong_plans(url: str, athletes: Sequence[UUID]) -> dict[str, str]:
    """Plans that read more than the athlete's own, by query: both with the athlete known and prepared for any."""
    wrong = {}
    with psycopg.connect(url, autocommit=True) as connection:
        for athlete in athletes:
            owned = _owned(connection, athlete)
            for query in QUERIES:
                literal = query.sql.replace("%s", f"'{athlete}'")
                connection.execute("prepare asked (uuid) as " + query.sql.replace("%s", "$1"))
                connection.execute("set plan_cache_mode = force_generic_plan")
                for statement in (literal, f"execute asked ('{athlete}')"):
                    row = connection.execute(f"explain (analyze, format json) {statement}").fetchone()
                    plan = row[0][0]["Plan"] if row else {}
                    if faults := list(plan_faults(plan, owned)):
                        wrong[query.name] = "\n".join(faults)
                connection.execute("deallocate asked")
                connection.execute("reset plan_cache_mode")
    return wrong


def _owned(connection: psycopg.Connection, athlete: UUID) -> dict[str, int]:
    """Rows that the athlete has, by large table and by every index of these."""
    owned = {}
    for table in BIG:
        row = connection.execute(f"select count(*) from {table} where profile_id = %s", (athlete,)).fetchone()
        owned[table] = row[0] if row else 0
        for (index,) in connection.execute("select indexname from pg_indexes where tablename = %s", (table,)):
            owned[index] = owned[table]
    return owned


def plan_faults(plan: Mapping[str, Any], owned: Mapping[str, int]) -> Iterator[str]:
    """What is wrong with a plan as `explain (analyze, format json)` tells it.

    Read from end to end is a large table where the plan says so. Read again and again it is where a node, all its loops
    together, looks at more rows than a few times what the athlete has: an index that is asked once for every activity
    and gives all efforts each time is quick in a small table, and quadratic in a long career.
    """
    name = plan.get("Index Name") or plan.get("Relation Name") or ""
    if plan["Node Type"] in {"Seq Scan", "Parallel Seq Scan"} and name in BIG:
        yield f"{name} is read from end to end"
    seen = plan["Actual Loops"] * (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0))
    if name in owned and seen > TIMES_READ * owned[name] + SOME_ROWS:
        yield f"{name} gives {seen:.0f} rows where the athlete has {owned[name]}"
    for child in plan.get("Plans", ()):
        yield from plan_faults(child, owned)


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
